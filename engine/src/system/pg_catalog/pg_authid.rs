//! pg_authid: users, as newer clients ask for them. Passwords are never shown.

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
    name: "pg_authid",
    columns: &[
        column::oid("oid"),
        column::name("rolname"),
        column::boolean("rolsuper"),
        column::boolean("rolinherit"),
        column::boolean("rolcreaterole"),
        column::boolean("rolcreatedb"),
        column::boolean("rolcanlogin"),
        column::boolean("rolreplication"),
        column::boolean("rolbypassrls"),
        column::integer("rolconnlimit"),
        column::text("rolpassword"),
        column::timestamptz("rolvaliduntil"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    rows.push(row![
        SUPERUSER,
        &context.user,
        true,
        true,
        true,
        true,
        true,
        false,
        false,
        -1,
        NULL,
        NULL
    ]);
}
