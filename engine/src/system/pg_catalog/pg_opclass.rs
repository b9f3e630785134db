//! pg_opclass: operator classes. Redshift has no indexes that need them.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_opclass",
    columns: &[
        column::oid("oid"),
        column::oid("opcmethod"),
        column::name("opcname"),
        column::oid("opcnamespace"),
        column::oid("opcowner"),
        column::oid("opcfamily"),
        column::oid("opcintype"),
        column::boolean("opcdefault"),
        column::oid("opckeytype"),
    ],
    rows: table::no_rows,
};
