//! pg_am: access methods. Tables are kept in one way.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_am",
    columns: &[
        column::oid("oid"),
        column::name("amname"),
        column::oid("amhandler"),
        column::letter("amtype"),
    ],
    rows,
};

fn rows(_: &SystemContext, rows: &mut Rows) {
    rows.push(row![2, "heap", 0, "t"]);
}
