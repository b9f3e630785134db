//! pg_publication_rel: logical replication. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_publication_rel",
    columns: &[
        column::oid("oid"),
        column::oid("prpubid"),
        column::oid("prrelid"),
        column::text("prqual"),
        column::smallints("prattrs"),
    ],
    rows: table::no_rows,
};
