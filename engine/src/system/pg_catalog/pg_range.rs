//! pg_range: range types. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_range",
    columns: &[
        column::oid("rngtypid"),
        column::oid("rngsubtype"),
        column::oid("rngmultitypid"),
        column::oid("rngcollation"),
        column::oid("rngsubopc"),
        column::oid("rngcanonical"),
        column::oid("rngsubdiff"),
    ],
    rows: table::no_rows,
};
