//! pg_rules: rewrite rules that users made. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_rules",
    columns: &[
        column::name("schemaname"),
        column::name("tablename"),
        column::name("rulename"),
        column::text("definition"),
    ],
    rows: table::no_rows,
};
