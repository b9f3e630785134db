//! pg_statistic_ext: extended statistics of PostgreSQL. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_statistic_ext",
    columns: &[
        column::oid("oid"),
        column::oid("stxrelid"),
        column::name("stxname"),
        column::oid("stxnamespace"),
        column::oid("stxowner"),
        column::integer("stxstattarget"),
        column::smallints("stxkeys"),
        column::texts("stxkind"),
        column::text("stxexprs"),
    ],
    rows: table::no_rows,
};
