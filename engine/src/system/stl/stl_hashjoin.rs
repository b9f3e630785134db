//! STL_HASHJOIN: joins that looked into a hash table.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, flag, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_hashjoin",
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
        column::integer("tbl"),
        column::integer("num_parts"),
        column::integer("join_type"),
        column::char("hash_looped", 1),
        column::char("switched_parts", 1),
        column::char("used_prefetching", 1),
        column::integer("hash_segment"),
        column::integer("hash_step"),
        column::bigint("checksum"),
        column::integer("distribution"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| matches!(kind, StepKind::HashJoin(_));
    each_slice(context, wanted, |query, step, slice| {
        let mut made = place(query, step, slice);
        made.extend(row![
            slice.slice,
            slice.rows,
            step.table,
            1,
            join_type(step.kind),
            // Hash tables have one part, which is never exchanged for another.
            flag(false),
            flag(false),
            flag(false),
            NULL,
            NULL,
            NULL,
            NULL,
        ]);
        rows.push(made);
    });
}

fn join_type(kind: StepKind) -> Option<i32> {
    match kind {
        StepKind::HashJoin(join_type) => Some(join_type),
        _ => None,
    }
}
