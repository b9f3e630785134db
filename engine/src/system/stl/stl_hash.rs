//! STL_HASH: hash tables that joins have built.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, flag, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_hash",
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
        column::integer("num_parts"),
        column::bigint("est_rows"),
        column::integer("num_blocks_permitted"),
        column::integer("row_dist_variance"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| kind == StepKind::Hash;
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
            1,
            step.rows_estimated,
            NULL,
            NULL,
        ]);
        rows.push(made);
    });
}
