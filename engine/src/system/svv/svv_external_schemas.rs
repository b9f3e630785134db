//! SVV_EXTERNAL_SCHEMAS: external schemas. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_external_schemas",
    columns: &[
        column::oid("esoid"),
        column::smallint("eskind"),
        column::name("schemaname"),
        column::integer("esowner"),
        column::text("databasename"),
        column::text("esoptions"),
    ],
    rows: table::no_rows,
};
