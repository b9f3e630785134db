//! SVL_QLOG: the queries of `STL_QUERY`, shorter.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svl_qlog",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::bigint("xid"),
        column::integer("pid"),
        column::timestamp("starttime"),
        column::timestamp("endtime"),
        column::bigint("elapsed"),
        column::integer("aborted"),
        column::char("label", 320),
        column::char("substring", 60),
        column::integer("source_query"),
        column::varchar("concurrency_scaling_status_txt", 256),
        column::integer("from_sp_call"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_queries(|query| {
        rows.push(row![
            query.user,
            query.query,
            query.xid,
            query.pid,
            query.start_us,
            query.end_us,
            query.end_us - query.start_us,
            i32::from(query.aborted),
            cut(&query.label, 320),
            cut(&query.text, 60),
            // No answer comes from a cache, from a scaling cluster or from a stored procedure.
            NULL,
            NULL,
            NULL,
        ]);
    });
}
