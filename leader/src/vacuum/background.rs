//! Merges that nobody asked for: many small runs of a table become few.
//!
//! One table at a time, and never while a VACUUM runs. After each the task rests for a multiple of the time
//! it took, so that it takes a share of the machine however many rows arrive.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use engine::{
    catalog::{Table, TableManifest},
    client_error::ClientError,
    ids::{Pid, TableId},
    vacuum::Work,
};
use tokio_util::sync::CancellationToken;

use super::{TableVacuum, record};
use crate::leader::Leader;

/// How often tables are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// The rest after a merge, as a multiple of the time it took: merges take a third of the time, unless they
/// cannot keep up.
const REST_FACTOR: u32 = 2;
/// The longest rest: small runs that wait slow every scan down.
const REST_MAX: Duration = Duration::from_secs(5);
/// The rest after a merge that failed.
const FAILURE_REST: Duration = Duration::from_secs(30);
/// Small runs of a table that are too many to wait for transaction blocks to end.
const SMALL_RUNS_MAX: usize = 2_000;
/// No session asks for these merges.
const NO_SESSION: Pid = Pid(0);

/// Merges until it is told to stop.
pub(crate) async fn run(leader: Arc<Leader>, stop: CancellationToken) {
    // What was looked at and found in order: a table that has changed since has another manifest.
    let mut seen: HashMap<TableId, Weak<TableManifest>> = HashMap::new();
    let mut rest = LOOK_INTERVAL;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
        rest = LOOK_INTERVAL;
        let Some(table) = next_table(&leader, &mut seen) else { continue };
        let start = Instant::now();
        let merged = tokio::select! {
            () = stop.cancelled() => return,
            merged = merge(&leader, &table) => merged,
        };
        rest = match merged {
            Ok(()) => rest.max((start.elapsed() * REST_FACTOR).min(REST_MAX)),
            Err(error) => {
                let sqlstate = error.sqlstate().0;
                tracing::warn!(table = %table.name, %error, sqlstate, "merge of small runs failed");
                FAILURE_REST
            }
        };
    }
}

/// Returns a table that has small runs to merge.
fn next_table(
    leader: &Leader,
    seen: &mut HashMap<TableId, Weak<TableManifest>>,
) -> Option<Arc<Table>> {
    let head = leader.log().head();
    seen.retain(|_, manifest| manifest.strong_count() > 0);
    for table in head.tables() {
        let is_seen = seen
            .get(&table.id)
            .is_some_and(|manifest| std::ptr::eq(manifest.as_ptr(), Arc::as_ptr(&table.manifest)));
        if is_seen {
            continue;
        }
        if Work::MergeSmall.is_done(table) {
            seen.insert(table.id, Arc::downgrade(&table.manifest));
        } else if leader.log().open_blocks() == 0 || small_runs(table) > SMALL_RUNS_MAX {
            return Some(Arc::clone(table));
        }
    }
    None
}

fn small_runs(table: &Table) -> usize {
    table.manifest.runs.iter().filter(|run| run.is_small()).count()
}

async fn merge(leader: &Arc<Leader>, table: &Arc<Table>) -> Result<(), crate::error::Error> {
    let _one_at_a_time = leader.vacuum_turn().lock().await;
    let small = small_runs(table);
    let (start, locks) = (Instant::now(), leader.log().new_locks(NO_SESSION));
    let xid = locks.xid();
    record(leader, table, xid, "[VacuumBG] Started Delete Only".to_owned(), false);
    let vacuum = TableVacuum {
        leader,
        pid: NO_SESSION,
        table: table.id,
        work: Work::MergeSmall,
        locks_first: false,
        yields_to_blocks: small <= SMALL_RUNS_MAX,
        rows_done: Arc::default(),
    };
    vacuum.run(locks).await?;
    let head = leader.log().head();
    let Some(after) = head.table_by_id(table.id) else { return Ok(()) };
    record(leader, after, xid, "[VacuumBG] Finished".to_owned(), false);
    tracing::info!(
        table = %table.name,
        reason = "small inserts left many small runs",
        small_runs = small,
        runs_before = table.manifest.runs.len(),
        runs_after = after.manifest.runs.len(),
        rows = after.manifest.row_count(),
        elapsed_ms = start.elapsed().as_millis() as u64,
        "small runs merged"
    );
    Ok(())
}
