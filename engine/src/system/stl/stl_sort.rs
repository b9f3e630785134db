//! STL_SORT: sorts.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, flag, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_sort",
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
        column::integer("tbl"),
        column::char("is_diskbased", 1),
        column::bigint("workmem"),
        column::bigint("checksum"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| kind == StepKind::Sort;
    each_slice(context, wanted, |query, step, slice| {
        let mut made = place(query, step, slice);
        made.extend(row![
            slice.slice,
            slice.rows,
            slice.bytes,
            step.table,
            flag(step.spilled_bytes > 0),
            step.memory_bytes,
            NULL,
        ]);
        rows.push(made);
    });
}
