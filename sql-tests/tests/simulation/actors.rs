//! Who does what in a warehouse while its store fails and its process dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Error, Result, ensure};
use engine::{
    ids::TableId,
    transaction::{LockMode, TransactionError},
    vacuum::Work,
};
use parking_lot::Mutex;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use sql_tests::warehouse::{Leader, Outcome, Row, Writing, open_storage};

use crate::{
    model::{ACCOUNTS, Model, Transfer},
    store::{FaultyStore, INJECTED},
    tables::{ACCOUNT_TABLE, BATCH_TABLE, TABLES, TRANSFER_TABLE, find},
};

/// How long an actor rests between two statements.
const REST_MS_MAX: u64 = 400;
/// How long a reader keeps a version.
const READ_MS_MAX: u64 = 3_000;
/// Rows of a batch.
const BATCH_ROWS_MAX: u64 = 12;
/// The money of one transfer.
const AMOUNT_MAX: i64 = 20;

/// What all actors share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: FaultyStore,
    pub(crate) model: Mutex<Model>,
    pub(crate) leaders: Mutex<Vec<Leader>>,
    /// Whether a second leader has tried to take the root over in this life.
    pub(crate) is_contested: AtomicBool,
    pub(crate) records_per_checkpoint: u64,
    pub(crate) violations: Mutex<Vec<String>>,
}

/// What somebody does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    Loader,
    Transferrer,
    Deleter,
    Vacuum,
    Reader,
    /// Another leader takes the root over while the first one still lives.
    SecondLeader,
}

impl Actor {
    /// Acts so many times.
    pub(crate) async fn act(self, world: Arc<World>, mut random: StdRng, times: usize) {
        for _ in 0..times {
            rest(&mut random, REST_MS_MAX).await;
            let leader = world.leader(&mut random);
            let done = match self {
                Self::Loader => load(&world, &leader, &mut random).await,
                Self::Transferrer => transfer(&world, &leader, &mut random).await,
                Self::Deleter => delete(&world, &leader, &mut random).await,
                Self::Vacuum => vacuum(&leader, &mut random).await,
                Self::Reader => read(&leader, &mut random).await,
                Self::SecondLeader => take_over(&world).await,
            };
            match &done {
                Ok(()) => world.store.note(format!("{self:?} done")),
                // Without the backtrace that Vortex adds where one is asked for.
                Err(error) => {
                    let said = format!("{error:#}");
                    world.store.note(format!("{self:?}: {}", said.lines().next().unwrap_or("")));
                }
            }
            if let Err(error) = done
                && !is_expected(&error, world.is_contested())
                && world.is_newest(&leader)
            {
                world.violations.lock().push(format!("{self:?}: {error:#}"));
            }
        }
    }
}

impl World {
    /// Returns the leader a client is connected to: as a rule the newest.
    fn leader(&self, random: &mut StdRng) -> Leader {
        let leaders = self.leaders.lock();
        let at = if random.random_bool(0.7) { leaders.len() - 1 } else { 0 };
        leaders[at].clone()
    }

    /// Recovers what is in the store.
    pub(crate) async fn start_leader(&self) -> Result<Leader> {
        Leader::start(self.shared_store(), self.records_per_checkpoint).await
    }

    fn shared_store(&self) -> Arc<FaultyStore> {
        Arc::new(self.store.clone())
    }

    fn is_contested(&self) -> bool {
        self.is_contested.load(Ordering::Relaxed)
    }

    fn is_newest(&self, leader: &Leader) -> bool {
        self.leaders.lock().last().is_some_and(|newest| Arc::ptr_eq(&newest.log, &leader.log))
    }
}

/// Returns whether a statement may fail so: its request did, or another one came first.
///
/// Only where there has been a second leader may one be told that there is.
pub(crate) fn is_expected(error: &Error, is_contested: bool) -> bool {
    let conflicts = match error.downcast_ref() {
        Some(TransactionError::Fenced) => is_contested,
        Some(TransactionError::SerializableIsolation { .. } | TransactionError::Catalog(_)) => true,
        _ => false,
    };
    conflicts || format!("{error:#}").contains(INJECTED)
}

async fn rest(random: &mut StdRng, ms_max: u64) {
    tokio::time::sleep(Duration::from_millis(random.random_range(0..ms_max))).await;
}

/// Locks a table and takes a snapshot; now and then the snapshot comes first, and may be old.
async fn begin(leader: &Leader, table: TableId, random: &mut StdRng) -> Result<Writing> {
    let mode = LockMode::ShareRowExclusive;
    if random.random_bool(0.7) {
        return leader.begin(table, mode).await;
    }
    let mut writing = leader.begin_block();
    rest(random, REST_MS_MAX).await;
    writing.transaction.locks().acquire(table, mode).await?;
    Ok(writing)
}

/// Commits, or gives up at the last moment.
async fn end(
    leader: &Leader,
    writing: Writing,
    random: &mut StdRng,
    ended: impl Fn(Outcome),
) -> Result<()> {
    if random.random_bool(0.1) {
        // Its objects go.
        drop(writing);
        return Ok(());
    }
    leader.commit(writing, ended).await
}

async fn load(world: &World, leader: &Leader, random: &mut StdRng) -> Result<()> {
    let rows = random.random_range(1..BATCH_ROWS_MAX);
    let batch = world.model.lock().new_batch(rows);
    let mut writing = leader.begin(BATCH_TABLE, LockMode::RowExclusive).await?;
    let rows = (0..rows as i64).map(|x| vec![batch, x]).collect();
    leader.append(&mut writing, BATCH_TABLE, rows).await?;
    end(leader, writing, random, |outcome| world.model.lock().loaded(batch, outcome)).await
}

async fn transfer(world: &World, leader: &Leader, random: &mut StdRng) -> Result<()> {
    let from = random.random_range(0..ACCOUNTS);
    let to = (from + random.random_range(1..ACCOUNTS)) % ACCOUNTS;
    let transfer = Transfer { from, to, amount: random.random_range(1..AMOUNT_MAX) };
    let id = world.model.lock().new_transfer(transfer);
    let mut writing = begin(leader, ACCOUNT_TABLE, random).await?;
    let is_one_of_them = |row: &Row| [from, to].contains(&row.values[0]);
    let before = leader.delete(&mut writing, ACCOUNT_TABLE, is_one_of_them).await?;
    ensure!(before.len() == 2, "{} of the accounts {from}, {to} are there", before.len());
    let change = |account: i64| if account == from { -transfer.amount } else { transfer.amount };
    let after = before.iter().map(|row| vec![row.values[0], row.values[1] + change(row.values[0])]);
    leader.append(&mut writing, ACCOUNT_TABLE, after.collect()).await?;
    let row = vec![id, from, to, transfer.amount];
    leader.append(&mut writing, TRANSFER_TABLE, vec![row]).await?;
    end(leader, writing, random, |outcome| world.model.lock().transferred(id, outcome)).await
}

async fn delete(world: &World, leader: &Leader, random: &mut StdRng) -> Result<()> {
    let Some(batch) = world.model.lock().batch_to_delete(random.random_range(0..100)) else {
        return Ok(());
    };
    let mut writing = begin(leader, BATCH_TABLE, random).await?;
    let rows = leader.delete(&mut writing, BATCH_TABLE, |row| row.values[0] == batch).await?;
    if rows.is_empty() {
        // A leader that does not know yet that it is one no longer: it has nothing to commit.
        ensure!(world.is_contested(), "batch {batch} is not found");
        return Ok(());
    }
    end(leader, writing, random, |outcome| world.model.lock().deleted(batch, outcome)).await
}

async fn vacuum(leader: &Leader, random: &mut StdRng) -> Result<()> {
    let works = [
        Work::Sort { reclaim: true },
        Work::Sort { reclaim: false },
        Work::Reclaim { threshold_percent: 100 },
        Work::Recluster,
    ];
    let table = TABLES.choose(random).copied().unwrap_or(BATCH_TABLE);
    let work = works.choose(random).copied().unwrap_or(Work::MergeSmall);
    leader.vacuum(table, work).await.map(drop)
}

/// Reads a version for a while: nothing of it may go, and it is consistent.
async fn read(leader: &Leader, random: &mut StdRng) -> Result<()> {
    let version = leader.log.head();
    rest(random, READ_MS_MAX).await;
    find(leader, &version).await?.check()
}

async fn take_over(world: &World) -> Result<()> {
    world.is_contested.store(true, Ordering::Relaxed);
    let leader = world.start_leader().await?;
    world.leaders.lock().push(leader);
    Ok(())
}

/// Checks what was recovered, against the model and by reading everything that is stored.
pub(crate) async fn audit(world: &World, leader: &Leader, is_quiet: bool) -> Result<()> {
    let head = leader.log.head();
    let found = find(leader, &head).await?;
    world.model.lock().audit(&found)?;
    let report = engine::check::check(&open_storage(world.shared_store())).await?;
    // What was late may have come after the recovery.
    let matters = |problem: &&String| is_quiet || !problem.ends_with(" belongs to nothing");
    let problems: Vec<&String> = report.problems.iter().filter(matters).collect();
    ensure!(problems.is_empty(), "blueshift check: {problems:?}");
    Ok(())
}
