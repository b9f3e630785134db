//! SVV_ALL_SCHEMAS: schemas of the cluster.

use crate::{
    catalog::SUPERUSER,
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_all_schemas",
    columns: &[
        column::varchar("database_name", 128),
        column::varchar("schema_name", 128),
        column::integer("schema_owner"),
        column::varchar("schema_type", 128),
        column::varchar("schema_acl", 128),
        column::varchar("source_database", 128),
        column::varchar("schema_option", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.in_each_database().iter().for_each(|context| rows_of_database(context, rows));
}

fn rows_of_database(context: &SystemContext, rows: &mut Rows) {
    for (name, owner) in [("pg_catalog", SUPERUSER), ("information_schema", SUPERUSER)] {
        rows.push(row![&context.database, name, owner, "local", NULL, NULL, NULL]);
    }
    for schema in context.catalog.schemas() {
        rows.push(row![&context.database, &schema.name, schema.owner, "local", NULL, NULL, NULL]);
    }
}
