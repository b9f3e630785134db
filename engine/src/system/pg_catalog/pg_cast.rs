//! pg_cast: casts that users made. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_cast",
    columns: &[
        column::oid("oid"),
        column::oid("castsource"),
        column::oid("casttarget"),
        column::oid("castfunc"),
        column::letter("castcontext"),
        column::letter("castmethod"),
    ],
    rows: table::no_rows,
};
