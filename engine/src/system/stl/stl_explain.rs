//! STL_EXPLAIN: the plans of queries that have run, as EXPLAIN prints them.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_explain",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("nodeid"),
        column::integer("parentid"),
        column::char("plannode", 400),
        column::char("info", 400),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for query in context.events.executed() {
        for node in query.plan.nodes() {
            rows.push(row![
                query.user,
                query.query,
                node.node as u64,
                node.parent as u64,
                cut(&node.text, 400),
                cut(&node.info, 400),
            ]);
        }
    }
}
