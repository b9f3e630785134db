//! pg_opfamily: operator families. Redshift has no indexes that need them.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_opfamily",
    columns: &[
        column::oid("oid"),
        column::oid("opfmethod"),
        column::name("opfname"),
        column::oid("opfnamespace"),
        column::oid("opfowner"),
    ],
    rows: table::no_rows,
};
