//! STL_QUERYTEXT: the texts of the queries of `STL_QUERY`.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::pieces,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_querytext",
    columns: &[
        column::integer("userid"),
        column::bigint("xid"),
        column::integer("pid"),
        column::integer("query"),
        column::integer("sequence"),
        column::char("text", 200),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_queries(|query| {
        for (sequence, text) in (0..).zip(pieces(&query.text)) {
            rows.push(row![query.user, query.xid, query.pid, query.query, sequence, text]);
        }
    });
}
