//! Vacuums of tables: those of VACUUM, and those that nobody asked for.
//!
//! ```text
//!  runs as of now ─▶ compute merges them ─▶ write lock ─▶ replacement ─▶ commit ─▶ again, until done
//!                    no lock, minutes         └──────── milliseconds ────────┘
//! ```
//!
//! One table is vacuumed at a time. Every merge is committed alone: what a vacuum that is cancelled has
//! done so far stays done.

mod background;
mod temporary;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use engine::{
    catalog::{SUPERUSER, Table},
    error::Error as EngineError,
    ids::{Pid, TableId, Xid},
    storage::PendingObjects,
    system::{VacuumEvent, VacuumPhase, VacuumProgress, blocks, unsorted_rows},
    transaction::{HeldLocks, LockMode},
    vacuum::{Eligible, Rewrite, Rewritten, Work, replacement, rewrites},
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{cluster::RewriteRequest, error::Error, leader::Leader};

pub(crate) use background::{NO_SESSION, run as run_in_background};
pub(crate) use temporary::vacuum_temporary;

/// How long a merge that nobody asked for waits for the table's writers.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
/// Slices that are merged side by side: each takes memory for its open runs and for those it writes.
const MERGES_AT_ONCE: usize = 2;

/// The vacuum of one table.
pub(crate) struct TableVacuum<'a> {
    pub(crate) leader: &'a Arc<Leader>,
    /// The session that asked.
    pub(crate) pid: Pid,
    pub(crate) table: TableId,
    pub(crate) work: Work,
    /// Nobody else may write to the table meanwhile.
    pub(crate) locks_first: bool,
    /// Gives a merge up rather than fail a transaction block that has read the table before.
    pub(crate) yields_to_blocks: bool,
    pub(crate) rows_done: Arc<AtomicU64>,
}

/// How a merge ended.
enum Merge {
    /// There was nothing to merge.
    Nothing,
    Committed,
    /// The table changed meanwhile in a way that could not be carried over.
    Overtaken,
}

impl TableVacuum<'_> {
    /// Merges until nothing is left of what was there at the beginning.
    pub(crate) async fn run(&self, locks: HeldLocks) -> Result<(), Error> {
        let head = self.leader.log().head();
        let Some(table) = head.table_by_id(self.table) else { return Ok(()) };
        let mut eligible = Eligible::of(table);
        drop(head);
        let mut locks_first = self.locks_first;
        let mut locks = Some(locks);
        loop {
            let locks = locks.take().unwrap_or_else(|| self.leader.log().new_locks(self.pid));
            match self.merge_next(&mut eligible, locks, locks_first).await? {
                Merge::Nothing => return Ok(()),
                Merge::Committed => {}
                Merge::Overtaken if self.yields_to_blocks => return Ok(()),
                // With the lock held from the beginning nothing can come in between.
                Merge::Overtaken => locks_first = true,
            }
        }
    }

    /// Merges once, whatever is left then.
    pub(crate) async fn run_once(&self, locks: HeldLocks) -> Result<(), Error> {
        let head = self.leader.log().head();
        let Some(table) = head.table_by_id(self.table) else { return Ok(()) };
        let mut eligible = Eligible::of(table);
        drop(head);
        self.merge_next(&mut eligible, locks, self.locks_first).await?;
        Ok(())
    }

    async fn merge_next(
        &self,
        eligible: &mut Eligible,
        mut locks: HeldLocks,
        locks_first: bool,
    ) -> Result<Merge, Error> {
        if locks_first {
            locks.acquire(self.table, LockMode::ShareRowExclusive).await?;
        }
        // Held until the commit: the runs that are read stay where they are.
        let base = self.leader.log().head();
        let Some(before) = base.table_by_id(self.table) else { return Ok(Merge::Nothing) };
        let rewrites = rewrites(before, self.work, eligible);
        if rewrites.is_empty() {
            return Ok(Merge::Nothing);
        }
        let rewritten = merged(self.leader, before, rewrites, &self.rows_done).await?;
        if !self.lock(&mut locks).await? {
            return Ok(Merge::Overtaken);
        }
        self.commit(before, rewritten, eligible, locks).await
    }

    /// Locks the table for the commit; `false` if that is better left for later.
    async fn lock(&self, locks: &mut HeldLocks) -> Result<bool, Error> {
        let acquiring = locks.acquire(self.table, LockMode::ShareRowExclusive);
        if !self.yields_to_blocks {
            acquiring.await?;
            return Ok(true);
        }
        // Others that want to vacuum wait as well.
        match tokio::time::timeout(LOCK_WAIT_MAX, acquiring).await {
            Ok(acquired) => acquired?,
            Err(_) => return Ok(false),
        }
        Ok(self.leader.log().open_blocks() == 0)
    }

    /// Puts the new runs in the place of the old ones, under the write lock.
    async fn commit(
        &self,
        before: &Table,
        mut rewritten: Vec<Rewritten>,
        eligible: &mut Eligible,
        locks: HeldLocks,
    ) -> Result<Merge, Error> {
        let storage = self.leader.storage();
        let mut transaction = self.leader.log().begin_rewrite(locks);
        let now = Arc::clone(transaction.catalog());
        let Some(now) = now.table_by_id(self.table) else { return Ok(Merge::Nothing) };
        let mut pending = PendingObjects::new(Arc::clone(storage));
        let xid = transaction.xid();
        let change = replacement(storage, [before, now], &mut rewritten, xid, &mut pending);
        let Some(change) = change.await.map_err(EngineError::from)? else {
            return Ok(Merge::Overtaken);
        };
        transaction.change(vec![change])?;
        // From here on a record may name the objects, even if nobody waits for the commit any more.
        pending.keep();
        for Rewritten { written, .. } in rewritten {
            eligible.add(written.runs.iter().map(|run| run.id).collect());
            written.pending.keep();
        }
        let objects = transaction.written_objects();
        match self.leader.log().commit(transaction).await {
            Ok(_) => Ok(Merge::Committed),
            Err(error) => {
                if error.is_refusal() {
                    self.leader.delete_objects(objects);
                }
                Err(EngineError::from(error).into())
            }
        }
    }
}

/// Merges runs of a table into new ones.
async fn merged(
    leader: &Leader,
    table: &Arc<Table>,
    rewrites: Vec<Rewrite>,
    rows_done: &Arc<AtomicU64>,
) -> Result<Vec<Rewritten>, Error> {
    let merges = rewrites.into_iter().map(|rewrite| {
        leader.compute().rewrite(RewriteRequest {
            table: Arc::clone(table),
            rewrite,
            rows_done: Arc::clone(rows_done),
        })
    });
    let merges: Vec<_> = merges.collect();
    Ok(stream::iter(merges).buffer_unordered(MERGES_AT_ONCE).try_collect().await?)
}

/// Records a step of the vacuum of a table: its state now.
pub(crate) fn record(leader: &Leader, table: &Table, xid: Xid, status: String, recluster: bool) {
    let (unsorted, rows) = unsorted_rows(table);
    let reclaimable_rows = rows - table.manifest.row_count();
    let bytes = u128::from(table.manifest.bytes()) * u128::from(reclaimable_rows);
    let reclaimable_bytes = bytes.checked_div(u128::from(rows)).unwrap_or(0);
    leader.events().vacuum(VacuumEvent {
        user: SUPERUSER,
        xid,
        table: table.id,
        status,
        rows,
        sorted_rows: rows - unsorted,
        blocks: blocks(table),
        reclaimable_rows,
        reclaimable_bytes: u64::try_from(reclaimable_bytes).unwrap_or(u64::MAX),
        time_us: chrono::Utc::now().timestamp_micros(),
        is_recluster: recluster,
    });
}

/// Shows in `SVV_VACUUM_PROGRESS` that a table is being vacuumed; as failed, unless it says otherwise.
pub(crate) struct ShownProgress<'a> {
    leader: &'a Leader,
    end: VacuumPhase,
    pub(crate) rows_done: Arc<AtomicU64>,
}

impl<'a> ShownProgress<'a> {
    pub(crate) fn start(leader: &'a Leader, table: &Table) -> Self {
        let rows_done = Arc::new(AtomicU64::new(0));
        leader.events().vacuum_goes_on(VacuumProgress {
            table: table.name.clone(),
            phase: VacuumPhase::Initialize,
            started_us: chrono::Utc::now().timestamp_micros(),
            rows: table.manifest.row_count(),
            rows_done: Arc::clone(&rows_done),
        });
        Self { leader, end: VacuumPhase::Failed, rows_done }
    }

    pub(crate) fn phase(&self, work: Work) {
        self.leader.events().vacuum_phase(match work {
            Work::Sort { .. } | Work::Recluster => VacuumPhase::Sort,
            Work::Reclaim { .. } | Work::MergeSmall | Work::Encode => VacuumPhase::Delete,
        });
    }

    pub(crate) fn end(mut self, phase: VacuumPhase) {
        self.end = phase;
    }
}

impl Drop for ShownProgress<'_> {
    fn drop(&mut self) {
        self.leader.events().vacuum_phase(self.end);
    }
}
