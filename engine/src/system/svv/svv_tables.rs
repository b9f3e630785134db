//! SVV_TABLES: tables and views.

use crate::system::{
    SystemContext, column, relation,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_tables",
    columns: &[
        column::varchar("table_catalog", 128),
        column::varchar("table_schema", 128),
        column::varchar("table_name", 128),
        column::varchar("table_type", 128),
        column::varchar("remarks", 256),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context) {
        rows.push(row![
            &context.database,
            &relation.schema_name,
            &relation.name,
            relation.table_type(),
            NULL,
        ]);
    }
}
