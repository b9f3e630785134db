//! pg_namespace: schemas, the system's own included.

use crate::{
    catalog::{INFORMATION_SCHEMA, PG_CATALOG_SCHEMA, SUPERUSER},
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_namespace",
    columns: &[
        column::oid("oid"),
        column::name("nspname"),
        column::oid("nspowner"),
        column::texts("nspacl"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for (id, name) in
        [(PG_CATALOG_SCHEMA, "pg_catalog"), (INFORMATION_SCHEMA, "information_schema")]
    {
        rows.push(row![id, name, SUPERUSER, NULL]);
    }
    for schema in context.catalog.schemas() {
        rows.push(row![schema.id, &schema.name, schema.owner, NULL]);
    }
}
