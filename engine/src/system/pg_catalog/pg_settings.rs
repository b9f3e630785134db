//! pg_settings: the session's parameters.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_settings",
    columns: &[
        column::text("name"),
        column::text("setting"),
        column::text("unit"),
        column::text("category"),
        column::text("short_desc"),
        column::text("extra_desc"),
        column::text("context"),
        column::text("vartype"),
        column::text("source"),
        column::text("min_val"),
        column::text("max_val"),
        column::texts("enumvals"),
        column::text("boot_val"),
        column::text("reset_val"),
        column::text("sourcefile"),
        column::integer("sourceline"),
        column::boolean("pending_restart"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for (name, value) in &context.parameters {
        rows.push(row![
            name, value, NULL, NULL, NULL, NULL, "user", "string", "session", NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, false,
        ]);
    }
}
