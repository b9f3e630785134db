//! STL_LOAD_ERRORS: rows that COPY refused, and why.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_load_errors",
    columns: &[
        column::integer("userid"),
        column::integer("slice"),
        column::integer("tbl"),
        column::timestamp("starttime"),
        column::integer("session"),
        column::integer("query"),
        column::char("filename", 256),
        column::bigint("line_number"),
        column::char("colname", 127),
        column::char("type", 10),
        column::char("col_length", 10),
        column::integer("position"),
        column::char("raw_line", 1024),
        column::char("raw_field_value", 1024),
        column::integer("err_code"),
        column::char("err_reason", 100),
        column::integer("is_partial"),
        column::bigint("start_offset"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_load_errors(|error| {
        rows.push(row![
            error.user,
            error.slice,
            error.table,
            error.start_us,
            error.pid,
            error.query,
            cut(&error.filename, 256),
            error.line_number,
            cut(&error.column, 127),
            cut(&error.column_type, 10),
            cut(&error.column_length, 10),
            error.position,
            cut(&error.raw_line, 1024),
            cut(&error.raw_field_value, 1024),
            error.error_code,
            cut(&error.error_reason, 100),
            i32::from(error.is_partial),
            error.start_offset,
        ]);
    });
}
