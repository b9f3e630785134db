//! pg_rewrite: the query of a view is its `_RETURN` rule.

use crate::system::{
    SystemContext, column,
    oids::rewrite_oid,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_rewrite",
    columns: &[
        column::oid("oid"),
        column::name("rulename"),
        column::oid("ev_class"),
        column::smallint("ev_attr"),
        column::letter("ev_type"),
        column::letter("ev_enabled"),
        column::boolean("is_instead"),
        column::text("ev_qual"),
        column::text("ev_action"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for view in context.catalog.views() {
        rows.push(row![
            rewrite_oid(view.id),
            "_RETURN",
            view.id,
            -1,
            "1",
            "O",
            true,
            NULL,
            &view.definition,
        ]);
    }
}
