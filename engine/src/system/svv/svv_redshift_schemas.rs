//! SVV_REDSHIFT_SCHEMAS: schemas of the cluster.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_redshift_schemas",
    columns: &[
        column::varchar("database_name", 128),
        column::varchar("schema_name", 128),
        column::integer("schema_owner"),
        column::varchar("schema_type", 128),
        column::varchar("schema_acl", 128),
        column::varchar("schema_option", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for context in context.in_each_database() {
        for schema in context.catalog.schemas() {
            rows.push(row![&context.database, &schema.name, schema.owner, "local", NULL, NULL]);
        }
    }
}
