//! pg_proc_info: functions and procedures that users made, as Redshift's drivers ask for them.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_proc_info",
    columns: &[
        column::oid("prooid"),
        column::name("proname"),
        column::oid("pronamespace"),
        column::oid("proowner"),
        column::oid("prolang"),
        column::letter("prokind"),
        column::boolean("proisagg"),
        column::boolean("prosecdef"),
        column::boolean("proleakproof"),
        column::boolean("proisstrict"),
        column::boolean("proretset"),
        column::letter("provolatile"),
        column::smallint("pronargs"),
        column::smallint("pronargdefaults"),
        column::oid("prorettype"),
        column::oids("proargtypes"),
        column::oids("proallargtypes"),
        column::texts("proargmodes"),
        column::texts("proargnames"),
        column::text("prosrc"),
        column::text("probin"),
        column::texts("proconfig"),
        column::texts("proacl"),
    ],
    rows: table::no_rows,
};
