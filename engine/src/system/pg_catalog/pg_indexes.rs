//! pg_indexes: indexes. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_indexes",
    columns: &[
        column::name("schemaname"),
        column::name("tablename"),
        column::name("indexname"),
        column::name("tablespace"),
        column::text("indexdef"),
    ],
    rows: table::no_rows,
};
