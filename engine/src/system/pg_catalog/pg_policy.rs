//! pg_policy: row security policies of PostgreSQL. Redshift has none of this kind.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_policy",
    columns: &[
        column::oid("oid"),
        column::name("polname"),
        column::oid("polrelid"),
        column::letter("polcmd"),
        column::boolean("polpermissive"),
        column::oids("polroles"),
        column::text("polqual"),
        column::text("polwithcheck"),
    ],
    rows: table::no_rows,
};
