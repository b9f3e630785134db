//! pg_user: users. There is one per cluster so far.

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
    name: "pg_user",
    columns: &[
        column::name("usename"),
        column::integer("usesysid"),
        column::boolean("usecreatedb"),
        column::boolean("usesuper"),
        column::boolean("userepl"),
        column::boolean("usebypassrls"),
        column::boolean("usecatupd"),
        column::text("passwd"),
        column::timestamp("valuntil"),
        column::texts("useconfig"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    rows.push(row![
        &context.user,
        SUPERUSER,
        true,
        true,
        false,
        false,
        true,
        "********",
        NULL,
        NULL
    ]);
}
