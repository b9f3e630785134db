//! pg_extension: extensions of PostgreSQL. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_extension",
    columns: &[
        column::oid("oid"),
        column::name("extname"),
        column::oid("extowner"),
        column::oid("extnamespace"),
        column::boolean("extrelocatable"),
        column::text("extversion"),
        column::oids("extconfig"),
        column::texts("extcondition"),
    ],
    rows: table::no_rows,
};
