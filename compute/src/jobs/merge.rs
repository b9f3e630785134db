//! Runs of a slice are merged here, for VACUUM or because there are many small ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{
    catalog::Table,
    error::Error,
    execution::merged_rows,
    ids::WriteId,
    plan::Planner,
    storage::{
        ManagedStorage, PendingObjects,
        slice_writer::{SliceRuns, SliceWriter},
    },
    vacuum::Rewrite,
};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};

use super::{MergedRuns, Report, asked::Reports};
use crate::vacuum::rewrite;

/// How often it is said how many rows are done: `SVV_VACUUM_PROGRESS` shows them.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// What a node has to merge.
#[derive(Debug, Serialize, Deserialize)]
pub struct MergeJob {
    /// The table, with the runs and no others.
    pub table: Table,
    /// The runs.
    pub rewrite: Rewrite,
    /// How many slices there are.
    pub slice_count: u32,
    /// What the new runs are named for.
    pub write: WriteId,
}

/// Does it; what was written goes with what is returned, unless that is kept.
pub(super) async fn run(
    storage: &Arc<ManagedStorage>,
    planner: &Planner,
    job: MergeJob,
    reports: &Reports,
) -> Result<PendingObjects, Error> {
    let MergeJob { table, rewrite: Rewrite { slice, sequences }, slice_count, write } = job;
    let table = Arc::new(table);
    let rows = merged_rows(&table, storage, &sequences, planner.task_context())?;
    let rows = rows.map_err(Error::from).boxed();
    let layout = Arc::new(table.layout(slice_count));
    let writer = SliceWriter::new(Arc::clone(storage), layout, slice).of_write(Some(write));
    let rows_done = AtomicU64::new(0);
    let merging = rewrite(writer, rows, &rows_done);
    tokio::pin!(merging);
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let merged = loop {
        tokio::select! {
            merged = &mut merging => break merged?,
            _ = ticks.tick() => say_progress(&rows_done, reports).await?,
        }
    };
    say_progress(&rows_done, reports).await?;
    let SliceRuns { runs, origins, pending } = merged;
    reports.say(&Report::Merged(MergedRuns { runs, origins })).await?;
    Ok(pending)
}

async fn say_progress(rows_done: &AtomicU64, reports: &Reports) -> Result<(), Error> {
    match rows_done.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        more => reports.say(&Report::RowsDone(more)).await,
    }
}
