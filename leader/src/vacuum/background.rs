//! What nobody asked for: many small runs of a table become few, and a table that has outgrown one copy on one
//! slice is spread over all.
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
use crate::{error::Error, leader::Leader, session::ClientIdentity, statement::auto_distribution};

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
/// No client's session: what works in the background has it.
pub(crate) const NO_SESSION: Pid = Pid(0);
/// Who works in the background on Redshift.
const SYSTEM_USER: &str = "rdsdb";

/// What is to be done with a table.
#[derive(Debug, Clone, Copy)]
enum Chore {
    /// Its small runs are merged.
    Merge,
    /// Its rows go to all slices.
    Spread,
}

/// Works until it is told to stop.
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
        let Some((chore, table)) = next_chore(&leader, &mut seen) else { continue };
        let start = Instant::now();
        let work = async {
            match chore {
                Chore::Merge => merge(&leader, &table).await,
                Chore::Spread => spread(&leader, &table).await,
            }
        };
        let done = tokio::select! {
            () = stop.cancelled() => return,
            done = work => done,
        };
        rest = match done {
            Ok(()) => rest.max((start.elapsed() * REST_FACTOR).min(REST_MAX)),
            Err(error) => {
                let sqlstate = error.sqlstate().0;
                tracing::warn!(table = %table.name, ?chore, %error, sqlstate, "background work failed");
                FAILURE_REST
            }
        };
    }
}

/// Returns a table that something is to be done with.
fn next_chore(
    leader: &Leader,
    seen: &mut HashMap<TableId, Weak<TableManifest>>,
) -> Option<(Chore, Arc<Table>)> {
    let head = leader.log().head();
    seen.retain(|_, manifest| manifest.strong_count() > 0);
    for table in head.all_tables() {
        let is_seen = seen
            .get(&table.id)
            .is_some_and(|manifest| std::ptr::eq(manifest.as_ptr(), Arc::as_ptr(&table.manifest)));
        if is_seen {
            continue;
        }
        if auto_distribution::is_outgrown(table) {
            // Moving rows fails a transaction block that has seen where they were, and writes.
            if leader.log().open_blocks() == 0 {
                return Some((Chore::Spread, Arc::clone(table)));
            }
        } else if Work::MergeSmall.is_done(table) {
            seen.insert(table.id, Arc::downgrade(&table.manifest));
        } else if leader.log().open_blocks() == 0 || small_runs(table) > SMALL_RUNS_MAX {
            return Some((Chore::Merge, Arc::clone(table)));
        }
    }
    None
}

fn small_runs(table: &Table) -> usize {
    table.manifest.runs.iter().filter(|run| run.is_small()).count()
}

async fn spread(leader: &Arc<Leader>, table: &Arc<Table>) -> Result<(), Error> {
    let _one_at_a_time = leader.vacuum_turn().lock().await;
    let start = Instant::now();
    let head = leader.log().head();
    let Some(database) = head.database_by_id(head.database_of(table.schema)) else { return Ok(()) };
    let client = ClientIdentity {
        pid: NO_SESSION,
        user: SYSTEM_USER.to_owned(),
        database: database.name.clone(),
        application_name: String::new(),
        remote: String::new(),
        startup_parameters: Vec::new(),
    };
    auto_distribution::spread(leader, client, table).await?;
    tracing::info!(
        table = %table.name,
        reason = "the table has outgrown DISTSTYLE ALL",
        bytes = table.manifest.bytes(),
        rows = table.manifest.row_count(),
        elapsed_ms = start.elapsed().as_millis() as u64,
        "table spread over the slices"
    );
    Ok(())
}

async fn merge(leader: &Arc<Leader>, table: &Arc<Table>) -> Result<(), Error> {
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
