//! STL_AGGR: aggregations, of all rows or of groups.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, flag, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_aggr",
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
        column::integer("slots"),
        column::integer("occupied"),
        column::integer("maxlength"),
        column::integer("tbl"),
        column::char("is_diskbased", 1),
        column::bigint("workmem"),
        column::char("type", 6),
        column::integer("resizes"),
        column::integer("flushable"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| aggregation(kind).is_some();
    each_slice(context, wanted, |query, step, slice| {
        let mut made = place(query, step, slice);
        made.extend(row![
            slice.slice,
            slice.rows,
            slice.bytes,
            // Buckets are not counted.
            NULL,
            NULL,
            NULL,
            step.table,
            flag(step.spilled_bytes > 0),
            step.memory_bytes,
            aggregation(step.kind),
            NULL,
            NULL,
        ]);
        rows.push(made);
    });
}

fn aggregation(kind: StepKind) -> Option<&'static str> {
    match kind {
        StepKind::AggregatePlain => Some("PLAIN"),
        StepKind::AggregateHashed => Some("HASHED"),
        StepKind::AggregateSorted => Some("SORTED"),
        _ => None,
    }
}
