//! Simulation: the storage engine on an object store that fails, in processes that die, audited.
//!
//! ```text
//!  seed ─▶ life 1: recover, audit, actors … dies ─▶ life 2: recover, audit, actors … dies ─▶ … ─▶ the last audit
//!                            │    └─ loader, transferrer, deleter, vacuum, reader, a second leader
//!                            └─ checkpoints and garbage: the commit log's own
//! ```
//!
//! The clock is paused: a second takes no time. What happens depends on the seed alone, names of objects and the order of
//! all requests included (`engine/src/chance.rs`): a seed that finds something finds it again, and gets a name
//! (`named_seeds.rs`).
//! `SIMULATION_SEEDS` says how many seeds are tried, `SIMULATION_SEED` which one to try alone.

mod actors;
mod model;
mod named_seeds;
mod store;
mod tables;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use actors::{Actor, World, audit, is_expected};
use anyhow::{Context, Result, anyhow, bail, ensure};
use engine::chance;
use model::Model;
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sql_tests::warehouse::Leader;
use store::FaultyStore;
use tokio::task::JoinSet;

/// Seeds that are tried when nobody says how many: not two minutes on two cores.
const SEEDS: u64 = 1_000;
/// Seeds that are tried twice.
const REPEATED_SEEDS: u64 = 20;
/// Threads that try them.
const THREADS: usize = 2;
/// Lives of a seed, at most.
const LIVES_MAX: u64 = 4;
/// Longer than any life: who is not done by then never will be.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How often a recovery may meet a fault.
const STARTS_MAX: usize = 200;

#[test]
fn nothing_acknowledged_is_lost_whatever_fails() -> Result<()> {
    if let Some(seed) = number("SIMULATION_SEED") {
        return holds(seed);
    }
    let count = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let try_seeds = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                return Ok(());
            }
            holds(seed)?;
        }
    };
    std::thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(try_seeds));
        let ended = threads.map(|thread| thread.join().unwrap_or_else(|_| bail!("a panic")));
        ended.into_iter().collect()
    })
}

#[expect(clippy::disallowed_methods, reason = "how many seeds there is time for")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|value| value.parse().ok())
}

/// What happens in a seed, and a number that is another if anything else happens.
fn trace(seed: u64) -> Result<(String, u64)> {
    let store = FaultyStore::new(seed);
    simulate(seed, &store).with_context(|| format!("seed {seed}"))?;
    let trace = store.trace();
    let mut hasher = DefaultHasher::new();
    trace.hash(&mut hasher);
    Ok((trace, hasher.finish()))
}

#[test]
fn a_seed_makes_the_same_things_happen_byte_for_byte() -> Result<()> {
    for seed in 0..REPEATED_SEEDS {
        let ((first, hash), (again, other)) = (trace(seed)?, trace(seed)?);
        println!("seed {seed}: {} events, {hash:016x}", first.lines().count());
        let lines = first.lines().zip(again.lines()).enumerate();
        let difference = lines.into_iter().find(|(_, (a, b))| a != b);
        ensure!(hash == other, "seed {seed}: line, then and now: {difference:?}");
    }
    Ok(())
}

/// Tries a seed; says how to try it again.
fn holds(seed: u64) -> Result<()> {
    let store = FaultyStore::new(seed);
    simulate(seed, &store).map_err(|error| {
        if number("SIMULATION_SEED").is_some() {
            eprintln!("{}", store.trace());
        }
        anyhow!(
            "seed {seed}: {error:#}\nonce more, with everything that happens: \
             SIMULATION_SEED={seed} cargo test --release --workspace --test simulation"
        )
    })
}

/// One seed, from an empty store to the last audit.
fn simulate(seed: u64, store: &FaultyStore) -> Result<()> {
    chance::seed(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let world = Arc::new(World {
        store: store.clone(),
        model: Mutex::new(Model::default()),
        leaders: Mutex::new(Vec::new()),
        records_per_checkpoint: random.random_range(2..12),
        is_contested: AtomicBool::new(false),
        violations: Mutex::new(Vec::new()),
    });
    in_process(&world, async { tables::create(&world.start_leader().await?).await })?;
    for life in 0..random.random_range(2..=LIVES_MAX) {
        let random = StdRng::seed_from_u64(random.random());
        in_process(&world, live(&world, random)).with_context(|| format!("life {life}"))?;
        let violations = world.violations.lock();
        ensure!(violations.is_empty(), "life {life}: {}", violations.join("\n"));
    }
    in_process(&world, async {
        store.start(0, None);
        store.settle().await;
        let leader = world.start_leader().await?;
        audit(&world, &leader, true).await
    })
    .context("the last audit")
}

/// Runs a process until it ends or dies: then all its tasks are gone.
fn in_process(world: &World, work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            () = world.store.crashed() => Ok(()),
            done = tokio::time::timeout(LIFE_MAX, work) => done.context("somebody waits forever")?,
        }
    });
    world.leaders.lock().clear();
    world.is_contested.store(false, Ordering::Relaxed);
    ended
}

/// One life: a recovery, its audit, and then everybody does what they do.
async fn live(world: &Arc<World>, mut random: StdRng) -> Result<()> {
    let faults = [0, 20, 60, 150][random.random_range(0..4)];
    let dies_early = random.random_bool(0.2);
    world.store.start(faults, dies_early.then(|| random.random_range(1..8)));
    let leader = start(world).await?;
    world.store.calm();
    audit(world, &leader, false).await?;
    world.leaders.lock().push(leader);
    world.store.start(faults, Some(random.random_range(1..120)));
    let mut actors = JoinSet::new();
    let everybody = [
        (Actor::Loader, 4),
        (Actor::Transferrer, 4),
        (Actor::Transferrer, 4),
        (Actor::Deleter, 3),
        (Actor::Vacuum, 4),
        (Actor::Reader, 2),
        (Actor::SecondLeader, usize::from(random.random_bool(0.4))),
    ];
    for (actor, times) in everybody {
        let random = StdRng::seed_from_u64(random.random());
        actors.spawn(actor.act(Arc::clone(world), random, times));
    }
    while let Some(ended) = actors.join_next().await {
        ended?;
    }
    Ok(())
}

async fn start(world: &World) -> Result<Leader> {
    for attempt in 0..STARTS_MAX {
        // Every attempt makes the log longer: with many faults none would ever get through it.
        if attempt == STARTS_MAX / 2 {
            world.store.calm();
        }
        match world.start_leader().await {
            Err(error) if is_expected(&error, true) => continue,
            started => return started,
        }
    }
    bail!("it never starts")
}
