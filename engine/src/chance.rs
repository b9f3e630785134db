//! What is left to chance, and comes from a seed in a simulation: there the same seed must make the same things happen.
//!
//! Names are random, so is the slice that a small load starts with; and work that takes time is done on another thread,
//! which is done sooner or later. On a thread that has been seeded the first two are the seed's, and there is no other
//! thread.

use std::cell::RefCell;

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinError;

thread_local! {
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// Leaves nothing to chance that this thread does from now on: for a simulation, which uses a store of its own.
pub fn seed(seed: u64) {
    SEEDED.set(Some(StdRng::seed_from_u64(seed)));
}

/// Returns what nothing else is called.
pub(crate) fn random_name() -> u128 {
    SEEDED.with_borrow_mut(|seeded| match seeded {
        Some(seeded) => seeded.random(),
        None => rand::random(),
    })
}

/// Returns one of the numbers below `end`, which is not 0.
pub(crate) fn random_below(end: usize) -> usize {
    SEEDED.with_borrow_mut(|seeded| match seeded {
        Some(seeded) => seeded.random_range(0..end),
        None => rand::random_range(0..end),
    })
}

/// Does work that takes time, without anybody else having to wait for it.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if SEEDED.with_borrow(Option::is_some) {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}
