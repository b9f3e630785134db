//! pg_proc: functions and procedures that users made. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_proc",
    columns: &[
        column::oid("oid"),
        column::name("proname"),
        column::oid("pronamespace"),
        column::oid("proowner"),
        column::oid("prolang"),
        column::real("procost"),
        column::real("prorows"),
        column::oid("provariadic"),
        column::oid("prosupport"),
        column::letter("prokind"),
        column::boolean("proisagg"),
        column::boolean("proiswindow"),
        column::boolean("prosecdef"),
        column::boolean("proleakproof"),
        column::boolean("proisstrict"),
        column::boolean("proretset"),
        column::letter("provolatile"),
        column::letter("proparallel"),
        column::smallint("pronargs"),
        column::smallint("pronargdefaults"),
        column::oid("prorettype"),
        column::oids("proargtypes"),
        column::oids("proallargtypes"),
        column::texts("proargmodes"),
        column::texts("proargnames"),
        column::text("proargdefaults"),
        column::text("prosrc"),
        column::text("probin"),
        column::texts("proconfig"),
        column::texts("proacl"),
    ],
    rows: table::no_rows,
};
