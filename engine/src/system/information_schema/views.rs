//! information_schema.views: views and their queries.

use crate::system::{
    SystemContext, column,
    table::{INFORMATION, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: INFORMATION,
    name: "views",
    columns: &[
        column::varchar("table_catalog", 128),
        column::varchar("table_schema", 128),
        column::varchar("table_name", 128),
        column::text("view_definition"),
        column::varchar("check_option", 128),
        column::varchar("is_updatable", 3),
        column::varchar("is_insertable_into", 3),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for view in context.catalog.views() {
        rows.push(row![
            &context.database,
            context.schema_name(view.schema),
            &view.name,
            &view.definition,
            "NONE",
            "NO",
            "NO",
        ]);
    }
}
