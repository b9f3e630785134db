//! information_schema.tables: tables and views.

use crate::system::{
    SystemContext, column, relation,
    table::{INFORMATION, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: INFORMATION,
    name: "tables",
    columns: &[
        column::varchar("table_catalog", 128),
        column::varchar("table_schema", 128),
        column::varchar("table_name", 128),
        column::varchar("table_type", 128),
        column::varchar("self_referencing_column_name", 128),
        column::varchar("reference_generation", 128),
        column::varchar("user_defined_type_catalog", 128),
        column::varchar("user_defined_type_schema", 128),
        column::varchar("user_defined_name", 128),
        column::varchar("is_insertable_into", 3),
        column::varchar("is_typed", 3),
        column::varchar("commit_action", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context) {
        let insertable = if relation.table().is_some() { "YES" } else { "NO" };
        rows.push(row![
            &context.database,
            &relation.schema_name,
            &relation.name,
            relation.table_type(),
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            insertable,
            "NO",
            NULL,
        ]);
    }
}
