//! pg_subscription: logical replication. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_subscription",
    columns: &[
        column::oid("oid"),
        column::oid("subdbid"),
        column::name("subname"),
        column::oid("subowner"),
        column::boolean("subenabled"),
    ],
    rows: table::no_rows,
};
