//! SYS_QUERY_DETAIL: the steps of queries, all slices together.

use crate::system::{
    SystemContext, column,
    executed::{ExecutedStep, StepKind, each_step, flag},
    stl,
    table::{PG_CATALOG, Rows, SystemTable},
    table_size::BLOCK_BYTES,
    text::cut,
    value::{NULL, row},
};

/// The view.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "sys_query_detail",
    columns: &[
        column::integer("user_id"),
        column::bigint("query_id"),
        column::integer("child_query_sequence"),
        column::integer("stream_id"),
        column::integer("segment_id"),
        column::integer("step_id"),
        column::text("step_name"),
        column::integer("table_id"),
        column::char("table_name", 136),
        column::char("is_rrscan", 1),
        column::timestamp("start_time"),
        column::timestamp("end_time"),
        column::bigint("duration"),
        column::text("alert"),
        column::bigint("input_bytes"),
        column::bigint("input_rows"),
        column::bigint("output_bytes"),
        column::bigint("output_rows"),
        column::bigint("blocks_read"),
        column::bigint("blocks_write"),
        column::bigint("local_read_io"),
        column::bigint("remote_read_io"),
        column::text("source"),
        column::integer("data_skewness"),
        column::integer("time_skewness"),
        column::char("is_active", 1),
        column::bigint("spilled_block_local_disk"),
        column::bigint("spilled_block_remote_disk"),
        column::char("step_attribute", 64),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    each_step(context, |query, step| {
        let alert = stl::alert(step).map(|(event, _)| event);
        let is_scan = step.kind == StepKind::Scan;
        rows.push(row![
            query.user,
            query.query,
            1,
            step.stream,
            step.segment,
            step.step,
            step.kind.name(),
            step.table_name.is_some().then_some(step.table),
            step.table_name.as_deref().map(|name| cut(name, 136)),
            flag(step.is_range_restricted()),
            query.start_us,
            query.end_us,
            step.elapsed_us_max(),
            alert,
            0,
            if is_scan { step.rows() } else { 0 },
            step.bytes(),
            step.rows(),
            step.blocks_read,
            0,
            step.blocks_read,
            0,
            step.table_name.is_some().then_some("local"),
            skewness(step.slices.iter().map(|slice| slice.rows), step),
            skewness(step.slices.iter().map(|slice| slice.elapsed_us), step),
            flag(false),
            step.spilled_bytes.div_ceil(BLOCK_BYTES),
            0,
            NULL,
        ]);
    });
}

/// Returns how much more the most of the slices has than their average: 0 to 100.
fn skewness(amounts: impl Iterator<Item = u64>, step: &ExecutedStep) -> u64 {
    let (mut most, mut all) = (0, 0_u64);
    for amount in amounts {
        most = most.max(amount);
        all = all.saturating_add(amount);
    }
    let slices = (step.slices.len() as u64).max(1);
    let average_percent = (all / slices).saturating_mul(100).checked_div(most);
    average_percent.map_or(0, |percent| 100 - percent)
}
