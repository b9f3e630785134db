//! pg_default_acl: default privileges. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_default_acl",
    columns: &[
        column::oid("oid"),
        column::oid("defacluser"),
        column::oid("defaclrole"),
        column::oid("defaclnamespace"),
        column::letter("defaclobjtype"),
        column::texts("defaclacl"),
    ],
    rows: table::no_rows,
};
