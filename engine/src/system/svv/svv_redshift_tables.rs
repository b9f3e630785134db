//! SVV_REDSHIFT_TABLES: tables and views of users.

use crate::system::{
    SystemContext, column, relation,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_redshift_tables",
    columns: &[
        column::varchar("database_name", 128),
        column::varchar("schema_name", 128),
        column::varchar("table_name", 128),
        column::varchar("table_type", 128),
        column::varchar("table_acl", 128),
        column::varchar("remarks", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.in_each_database().iter().for_each(|context| rows_of_database(context, rows));
}

fn rows_of_database(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context) {
        if matches!(relation.origin, relation::Origin::System(_)) {
            continue;
        }
        let table_type = if relation.kind() == "v" { "VIEW" } else { "TABLE" };
        rows.push(row![
            &context.database,
            &relation.schema_name,
            &relation.name,
            table_type,
            NULL,
            NULL,
        ]);
    }
}
