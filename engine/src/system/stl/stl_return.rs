//! STL_RETURN: rows that slices sent to the leader, and the leader to the client.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_return",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("slice"),
        column::integer("segment"),
        column::integer("step"),
        column::timestamp("starttime"),
        column::timestamp("endtime"),
        column::integer("tasknum"),
        column::bigint("rows"),
        column::bigint("bytes"),
        column::integer("packets"),
        column::bigint("checksum"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| kind == StepKind::Return;
    each_slice(context, wanted, |query, step, slice| {
        let mut made = place(query, step, slice);
        made.extend(row![slice.slice, slice.rows, slice.bytes, 0, NULL,]);
        rows.push(made);
    });
}
