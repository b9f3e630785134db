//! pg_roles: users, as newer clients ask for them.

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
    name: "pg_roles",
    columns: &[
        column::name("rolname"),
        column::boolean("rolsuper"),
        column::boolean("rolinherit"),
        column::boolean("rolcreaterole"),
        column::boolean("rolcreatedb"),
        column::boolean("rolcatupdate"),
        column::boolean("rolcanlogin"),
        column::boolean("rolreplication"),
        column::integer("rolconnlimit"),
        column::text("rolpassword"),
        column::timestamptz("rolvaliduntil"),
        column::boolean("rolbypassrls"),
        column::texts("rolconfig"),
        column::oid("oid"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    rows.push(row![
        &context.user,
        true,
        true,
        true,
        true,
        true,
        true,
        false,
        -1,
        "********",
        NULL,
        false,
        NULL,
        SUPERUSER
    ]);
}
