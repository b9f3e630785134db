//! pg_auth_members: members of roles. There are no roles yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_auth_members",
    columns: &[
        column::oid("roleid"),
        column::oid("member"),
        column::oid("grantor"),
        column::boolean("admin_option"),
    ],
    rows: table::no_rows,
};
