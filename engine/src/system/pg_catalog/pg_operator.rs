//! pg_operator: operators that users made. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_operator",
    columns: &[
        column::oid("oid"),
        column::name("oprname"),
        column::oid("oprnamespace"),
        column::oid("oprowner"),
        column::letter("oprkind"),
        column::boolean("oprcanmerge"),
        column::boolean("oprcanhash"),
        column::oid("oprleft"),
        column::oid("oprright"),
        column::oid("oprresult"),
        column::oid("oprcom"),
        column::oid("oprnegate"),
        column::oid("oprcode"),
        column::oid("oprrest"),
        column::oid("oprjoin"),
    ],
    rows: table::no_rows,
};
