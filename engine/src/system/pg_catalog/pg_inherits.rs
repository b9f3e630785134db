//! pg_inherits: inheritance of tables. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_inherits",
    columns: &[
        column::oid("inhrelid"),
        column::oid("inhparent"),
        column::integer("inhseqno"),
        column::boolean("inhdetachpending"),
    ],
    rows: table::no_rows,
};
