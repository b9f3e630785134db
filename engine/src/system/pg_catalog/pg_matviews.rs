//! pg_matviews: materialized views. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_matviews",
    columns: &[
        column::name("schemaname"),
        column::name("matviewname"),
        column::name("matviewowner"),
        column::name("tablespace"),
        column::boolean("hasindexes"),
        column::boolean("ispopulated"),
        column::text("definition"),
    ],
    rows: table::no_rows,
};
