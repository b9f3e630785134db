//! SVL_QUERY_SUMMARY: the steps of queries, all slices together.

use crate::system::{
    SystemContext, column,
    executed::{each_step, flag},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The view.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svl_query_summary",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("stm"),
        column::integer("seg"),
        column::integer("step"),
        column::bigint("maxtime"),
        column::bigint("avgtime"),
        column::bigint("rows"),
        column::bigint("bytes"),
        column::double("rate_row"),
        column::double("rate_byte"),
        column::text("label"),
        column::char("is_diskbased", 1),
        column::bigint("workmem"),
        column::char("is_rrscan", 1),
        column::char("is_delayed_scan", 1),
        column::bigint("rows_pre_filter"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    each_step(context, |query, step| {
        let slices = (step.slices.len() as u64).max(1);
        let elapsed: u64 = step.slices.iter().map(|slice| slice.elapsed_us).sum();
        let seconds = step.elapsed_us_max() as f64 / 1e6;
        let rate = |amount: u64| (seconds > 0.0).then(|| amount as f64 / seconds);
        rows.push(row![
            query.user,
            query.query,
            step.stream,
            step.segment,
            step.step,
            step.elapsed_us_max(),
            elapsed / slices,
            step.rows(),
            step.bytes(),
            rate(step.rows()),
            rate(step.bytes()),
            step.label(),
            flag(step.spilled_bytes > 0),
            step.memory_bytes,
            flag(step.is_range_restricted()),
            flag(false),
            NULL,
        ]);
    });
}
