//! SVL_QUERY_REPORT: the steps of queries, slice by slice.

use crate::system::{
    SystemContext, column,
    executed::{each_slice, flag, place},
    table::{PG_CATALOG, Rows, SystemTable},
    text::cut,
    value::{NULL, row},
};

/// The view.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svl_query_report",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("slice"),
        column::integer("segment"),
        column::integer("step"),
        column::timestamp("start_time"),
        column::timestamp("end_time"),
        column::bigint("elapsed_time"),
        column::bigint("rows"),
        column::bigint("bytes"),
        column::char("label", 256),
        column::char("is_diskbased", 1),
        column::bigint("workmem"),
        column::char("is_rrscan", 1),
        column::char("is_delayed_scan", 1),
        column::bigint("rows_pre_filter"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    each_slice(
        context,
        |_| true,
        |query, step, slice| {
            let mut made = place(query, step, slice);
            made.extend(row![
                slice.elapsed_us,
                slice.rows,
                slice.bytes,
                cut(&step.label(), 256),
                flag(step.spilled_bytes > 0),
                step.memory_bytes,
                flag(step.is_range_restricted()),
                flag(false),
                NULL,
            ]);
            rows.push(made);
        },
    );
}
