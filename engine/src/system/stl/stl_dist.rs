//! STL_DIST: rows that were sent to the slice they belong to.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_dist",
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
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| kind == StepKind::Distribute;
    each_slice(context, wanted, |query, step, slice| {
        let mut made = place(query, step, slice);
        made.extend(row![slice.slice, slice.rows, slice.bytes, step.packets_of(slice),]);
        rows.push(made);
    });
}
