//! What nobody asked for: many small runs of a table become few, a table that has outgrown one copy on one slice is
//! spread over all, and runs that were written before ALTER … ENCODE are written anew.
//!
//! One table at a time, and never while a VACUUM runs. After each the task rests for a multiple of the time
//! it took, so that it takes a share of the machine however many rows arrive.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use engine::{
    catalog::Table,
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
    /// Some of its runs are written with the encodings that the table has by now.
    Encode,
}

/// Works until it is told to stop.
pub(crate) async fn run(leader: Arc<Leader>, stop: CancellationToken) {
    // What was looked at and found in order: a table that has changed since is another value.
    let mut seen: HashMap<TableId, Weak<Table>> = HashMap::new();
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
                Chore::Encode => encode(&leader, &table).await,
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
    seen: &mut HashMap<TableId, Weak<Table>>,
) -> Option<(Chore, Arc<Table>)> {
    let head = leader.log().head();
    seen.retain(|_, table| table.strong_count() > 0);
    for table in head.all_tables() {
        let is_seen =
            seen.get(&table.id).is_some_and(|seen| std::ptr::eq(seen.as_ptr(), Arc::as_ptr(table)));
        if is_seen {
            continue;
        }
        let Some(chore) = chore(table) else {
            seen.insert(table.id, Arc::downgrade(table));
            continue;
        };
        // Moving rows fails a transaction block that has seen where they were, and writes.
        let cannot_wait = matches!(chore, Chore::Merge) && small_runs(table) > SMALL_RUNS_MAX;
        if cannot_wait || leader.log().open_blocks() == 0 {
            return Some((chore, Arc::clone(table)));
        }
    }
    None
}

fn chore(table: &Table) -> Option<Chore> {
    if auto_distribution::is_outgrown(table) {
        return Some(Chore::Spread);
    }
    if !Work::MergeSmall.is_done(table) {
        return Some(Chore::Merge);
    }
    let is_other = table.manifest.runs.iter().any(|run| table.has_other_encodings(run));
    is_other.then_some(Chore::Encode)
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
    let small = small_runs(table);
    let start = Instant::now();
    let Some(after) = vacuum(leader, table, Work::MergeSmall, small <= SMALL_RUNS_MAX).await?
    else {
        return Ok(());
    };
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

/// Writes some of the runs anew that were written with other encodings: the others come after a rest.
async fn encode(leader: &Arc<Leader>, table: &Arc<Table>) -> Result<(), Error> {
    let other_runs = |table: &Table| {
        table.manifest.runs.iter().filter(|run| table.has_other_encodings(run)).count()
    };
    let start = Instant::now();
    let Some(after) = vacuum(leader, table, Work::Encode, true).await? else { return Ok(()) };
    tracing::info!(
        table = %table.name,
        reason = "columns were given other encodings",
        runs_before = other_runs(table),
        runs_left = other_runs(&after),
        bytes_before = table.manifest.bytes(),
        bytes_after = after.manifest.bytes(),
        elapsed_ms = start.elapsed().as_millis() as u64,
        "runs encoded anew"
    );
    Ok(())
}

/// Does what is to be done to the runs of a table, and shows it in STL_VACUUM; returns the table as it is then.
async fn vacuum(
    leader: &Arc<Leader>,
    table: &Arc<Table>,
    work: Work,
    yields_to_blocks: bool,
) -> Result<Option<Arc<Table>>, Error> {
    let _one_at_a_time = leader.vacuum_turn().lock().await;
    let locks = leader.log().new_locks(NO_SESSION);
    let xid = locks.xid();
    record(leader, table, xid, "[VacuumBG] Started Delete Only".to_owned(), false);
    let vacuum = TableVacuum {
        leader,
        pid: NO_SESSION,
        table: table.id,
        work,
        locks_first: false,
        yields_to_blocks,
        rows_done: Arc::default(),
    };
    match work {
        Work::Encode => vacuum.run_once(locks).await?,
        _ => vacuum.run(locks).await?,
    }
    let head = leader.log().head();
    let Some(after) = head.table_by_id(table.id) else { return Ok(None) };
    record(leader, after, xid, "[VacuumBG] Finished".to_owned(), false);
    Ok(Some(Arc::clone(after)))
}
