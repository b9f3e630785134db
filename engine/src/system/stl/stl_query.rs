//! STL_QUERY: statements that ended.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_query",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::char("label", 320),
        column::bigint("xid"),
        column::integer("pid"),
        column::char("database", 32),
        column::char("querytxt", 4000),
        column::timestamp("starttime"),
        column::timestamp("endtime"),
        column::integer("aborted"),
        column::integer("insert_pristine"),
        column::integer("concurrency_scaling_status"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_queries(|query| {
        rows.push(row![
            query.user,
            query.query,
            cut(&query.label, 320),
            query.xid,
            query.pid,
            cut(&query.database, 32),
            &query.text,
            query.start_us,
            query.end_us,
            i32::from(query.aborted),
            0,
            0,
        ]);
    });
}
