//! pg_foreign_server: foreign servers of PostgreSQL. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_foreign_server",
    columns: &[
        column::oid("oid"),
        column::name("srvname"),
        column::oid("srvowner"),
        column::oid("srvfdw"),
        column::text("srvtype"),
        column::text("srvversion"),
        column::texts("srvacl"),
        column::texts("srvoptions"),
    ],
    rows: table::no_rows,
};
