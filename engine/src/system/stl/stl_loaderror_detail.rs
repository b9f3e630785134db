//! STL_LOADERROR_DETAIL: the field of every row that COPY refused.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_loaderror_detail",
    columns: &[
        column::integer("userid"),
        column::integer("slice"),
        column::integer("session"),
        column::integer("query"),
        column::char("filename", 256),
        column::bigint("line_number"),
        column::integer("field"),
        column::char("colname", 1024),
        column::char("value", 1024),
        column::integer("is_null"),
        column::char("type", 10),
        column::char("col_length", 10),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_load_errors(|error| {
        let table = context.catalog.table_by_id(error.table);
        let field = table.and_then(|t| t.columns.iter().position(|c| c.name == error.column));
        rows.push(row![
            error.user,
            error.slice,
            error.pid,
            error.query,
            cut(&error.filename, 256),
            error.line_number,
            field.map(|position| position as i64),
            cut(&error.column, 127),
            cut(&error.raw_field_value, 1024),
            0,
            cut(&error.column_type, 10),
            cut(&error.column_length, 10),
        ]);
    });
}
