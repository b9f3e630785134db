//! Whether there is anything to do for a table, and what STL_VACUUM calls it.

use crate::{catalog::Table, sql::VacuumKind, system::unsorted_rows, vacuum::Work};

/// What VACUUM does with one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Something; with the status that STL_VACUUM shows.
    Start(Work, String),
    /// Nothing.
    Skip(String),
}

/// Decides by how much of the table is in order and how much of it is deleted.
///
/// At least `threshold_percent` of the rows in order: the sort is left out. So many of the rows that remain
/// not deleted: that is all that is reclaimed.
pub fn decide(table: &Table, kind: VacuumKind, threshold_percent: u8) -> Decision {
    let (unsorted, rows) = unsorted_rows(table);
    let has_key = !table.sort_key.order_columns().is_empty();
    let is_sorted = (rows - unsorted) * 100 >= rows * u64::from(threshold_percent);
    let start = |work, status: &str| Decision::Start(work, status.to_owned());
    let sorted = format!("sorted>={threshold_percent}%");
    let reclaim = Work::Reclaim { threshold_percent };
    let reclaims = !reclaim.is_done(table);
    match kind {
        VacuumKind::Full if !is_sorted => start(Work::Sort { reclaim: true }, "Started"),
        VacuumKind::Full if !reclaims => Decision::Skip(format!("Skipped({sorted})")),
        VacuumKind::Full if has_key => {
            let status = format!("Started Delete Only (Sorted >= {threshold_percent}%)");
            Decision::Start(reclaim, status)
        }
        VacuumKind::Full => start(reclaim, "Started Delete Only"),
        VacuumKind::SortOnly if is_sorted => Decision::Skip(format!("Skipped({sorted})")),
        VacuumKind::SortOnly => start(Work::Sort { reclaim: false }, "Started Sort Only"),
        VacuumKind::DeleteOnly if !reclaims => Decision::Skip("Skipped (delete only)".to_owned()),
        VacuumKind::DeleteOnly => start(reclaim, "Started Delete Only"),
        // An interleaved key is analyzed anew for every run that is written.
        VacuumKind::Reindex if has_key => start(Work::Sort { reclaim: true }, "Started Reindex"),
        VacuumKind::Reindex => start(reclaim, "Started Reindex"),
        VacuumKind::Recluster if unsorted == 0 => Decision::Skip("Skipped".to_owned()),
        VacuumKind::Recluster => start(Work::Recluster, "Started"),
    }
}
