//! pg_db_role_setting: settings of users and databases. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_db_role_setting",
    columns: &[column::oid("setdatabase"), column::oid("setrole"), column::texts("setconfig")],
    rows: table::no_rows,
};
