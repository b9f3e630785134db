//! STL_ALERT_EVENT_LOG: what made queries slow that could be mended.

use crate::system::{
    SystemContext, column,
    executed::{ExecutedStep, StepKind, each_step},
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_alert_event_log",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("slice"),
        column::integer("segment"),
        column::integer("step"),
        column::integer("pid"),
        column::bigint("xid"),
        column::char("event", 1024),
        column::char("solution", 1024),
        column::timestamp("event_time"),
    ],
    rows,
};

/// Rows that a slice may send elsewhere without a word.
const MOVED_ROWS_MAX: u64 = 1_000_000;
/// A filter is selective that leaves less than one row of so many, of at least so many that were read.
const SELECTIVITY_MIN: u64 = 20;
const FILTERED_ROWS_MIN: u64 = 1_000_000;

fn rows(context: &SystemContext, rows: &mut Rows) {
    each_step(context, |query, step| {
        let Some((event, solution)) = alert(step) else { return };
        for slice in &step.slices {
            rows.push(row![
                query.user,
                query.query,
                slice.slice,
                step.segment,
                step.step,
                query.pid,
                query.xid,
                event.as_str(),
                solution,
                query.end_us,
            ]);
        }
    });
}

/// Returns what is wrong with a step, and what helps, in the words of Redshift's documentation.
pub(crate) fn alert(step: &ExecutedStep) -> Option<(String, &'static str)> {
    let read = step.blocks_read * crate::storage::zones::BLOCK_ROWS as u64;
    let largest = step.slices.iter().map(|slice| slice.rows).max().unwrap_or(0);
    match step.kind {
        StepKind::NestedLoop => Some((
            "Nested Loop Join in the query plan".to_owned(),
            "Review the join predicates to avoid Cartesian products",
        )),
        StepKind::Distribute if largest > MOVED_ROWS_MAX => Some((
            format!(
                "Distributed a large number of rows across the network: {} rows were distributed",
                step.rows()
            ),
            "Review the choice of distribution key to collocate the join or aggregation",
        )),
        StepKind::Broadcast if largest > MOVED_ROWS_MAX => Some((
            format!(
                "Broadcasted a large number of rows across the network: {} rows were broadcast",
                step.rows()
            ),
            "Review the choice of distribution key to collocate the join or aggregation",
        )),
        StepKind::Scan
            if step.is_filtered
                && read >= FILTERED_ROWS_MIN
                && step.rows() * SELECTIVITY_MIN < read =>
        {
            Some((
                format!(
                    "Very selective query filter:ratio=rows({})/rows_pre_user_filter({read})",
                    step.rows()
                ),
                "Review the choice of sort key to enable range restricted scans, or run the VACUUM command to ensure the table is sorted",
            ))
        }
        _ => None,
    }
}
