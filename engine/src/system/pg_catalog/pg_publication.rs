//! pg_publication: logical replication. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_publication",
    columns: &[
        column::oid("oid"),
        column::name("pubname"),
        column::oid("pubowner"),
        column::boolean("puballtables"),
        column::boolean("pubinsert"),
        column::boolean("pubupdate"),
        column::boolean("pubdelete"),
        column::boolean("pubtruncate"),
        column::boolean("pubviaroot"),
    ],
    rows: table::no_rows,
};
