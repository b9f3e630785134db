//! pg_publication_namespace: logical replication. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_publication_namespace",
    columns: &[column::oid("oid"), column::oid("pnpubid"), column::oid("pnnspid")],
    rows: table::no_rows,
};
