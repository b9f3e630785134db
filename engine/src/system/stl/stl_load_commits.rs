//! STL_LOAD_COMMITS: files that a COPY which was committed has read.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_load_commits",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("slice"),
        column::char("name", 256),
        column::char("filename", 256),
        column::integer("byte_offset"),
        column::integer("lines_scanned"),
        column::integer("errors"),
        column::integer("status"),
        column::timestamp("curtime"),
        column::char("file_format", 16),
        column::integer("is_partial"),
        column::bigint("start_offset"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_loads(|load| {
        let filename = cut(&load.filename, 256);
        rows.push(row![
            load.user,
            load.query,
            load.slice,
            filename.as_str(),
            filename.as_str(),
            0,
            load.lines_scanned,
            load.errors,
            1,
            load.finished_us,
            &load.file_format,
            i32::from(load.is_partial),
            load.start_offset,
        ]);
    });
}
