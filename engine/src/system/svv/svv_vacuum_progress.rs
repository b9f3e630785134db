//! SVV_VACUUM_PROGRESS: the vacuum that runs, or the last one.

use std::sync::atomic::Ordering;

use crate::system::{
    SystemContext, VacuumPhase, VacuumProgress, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_vacuum_progress",
    columns: &[
        column::varchar("table_name", 128),
        column::varchar("status", 256),
        column::varchar("time_remaining_estimate", 64),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let Some(progress) = context.events.vacuum_progress() else { return };
    let table = &progress.table;
    let status = match progress.phase {
        VacuumPhase::Initialize => format!("Vacuum: initialize {table}"),
        VacuumPhase::Sort => format!("Vacuum {table} sort"),
        VacuumPhase::Delete => format!("Vacuum {table} delete"),
        VacuumPhase::Complete => "Complete".to_owned(),
        VacuumPhase::Skipped => "Skipped".to_owned(),
        VacuumPhase::Failed => "Failed".to_owned(),
    };
    let remaining = remaining_seconds(&progress, context.query_started_us);
    let remaining = remaining.map(|s| format!("{}m {}s", s / 60, s % 60)).unwrap_or_default();
    rows.push(row![&progress.table, status, remaining]);
}

/// Returns how long it will take if it goes on as it did so far.
fn remaining_seconds(progress: &VacuumProgress, now_us: i64) -> Option<u64> {
    if !matches!(progress.phase, VacuumPhase::Sort | VacuumPhase::Delete) {
        return None;
    }
    let done = progress.rows_done.load(Ordering::Relaxed).min(progress.rows);
    let elapsed_us = u128::try_from(now_us.saturating_sub(progress.started_us)).ok()?;
    let left = u128::from(progress.rows - done);
    let remaining_us = (elapsed_us * left).checked_div(u128::from(done))?;
    u64::try_from(remaining_us / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU64};

    use super::*;

    #[test]
    fn what_remains_is_estimated_from_what_was_done() {
        let at = |phase, done| VacuumProgress {
            table: "sales".to_owned(),
            phase,
            started_us: 0,
            rows: 300,
            rows_done: Arc::new(AtomicU64::new(done)),
        };
        let minute_us = 60_000_000;
        assert_eq!(remaining_seconds(&at(VacuumPhase::Sort, 100), minute_us), Some(120));
        assert_eq!(remaining_seconds(&at(VacuumPhase::Sort, 0), minute_us), None);
        assert_eq!(remaining_seconds(&at(VacuumPhase::Sort, 900), minute_us), Some(0));
        assert_eq!(remaining_seconds(&at(VacuumPhase::Complete, 100), minute_us), None);
    }
}
