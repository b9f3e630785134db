//! pg_foreign_data_wrapper: foreign data wrappers of PostgreSQL. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_foreign_data_wrapper",
    columns: &[
        column::oid("oid"),
        column::name("fdwname"),
        column::oid("fdwowner"),
        column::oid("fdwhandler"),
        column::oid("fdwvalidator"),
        column::texts("fdwacl"),
        column::texts("fdwoptions"),
    ],
    rows: table::no_rows,
};
