//! pg_language: languages of functions.

use crate::{
    catalog::SUPERUSER,
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_language",
    columns: &[
        column::oid("oid"),
        column::name("lanname"),
        column::oid("lanowner"),
        column::boolean("lanispl"),
        column::boolean("lanpltrusted"),
        column::oid("lanplcallfoid"),
        column::oid("laninline"),
        column::oid("lanvalidator"),
        column::texts("lanacl"),
    ],
    rows,
};

fn rows(_: &SystemContext, rows: &mut Rows) {
    for (oid, name) in [(12, "internal"), (14, "sql")] {
        rows.push(row![oid, name, SUPERUSER, false, false, 0, 0, 0, NULL]);
    }
}
