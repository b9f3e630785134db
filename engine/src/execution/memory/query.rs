//! The pool that the operators of one query ask for memory.
//!
//! Who cannot spill (the build side of a hash join) gets what there is, first come, first served. Who can spill gets
//! what it asks for while half of the query's share is free; then as much of the other half as everyone who can, and its
//! first batch in any case. So nobody spills while there is memory, and nobody who comes late finds none at all.

use std::{fmt, sync::Arc};

use datafusion::{
    error::{DataFusionError, Result},
    execution::memory_pool::{
        MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
    },
};
use parking_lot::Mutex;

use super::node::Shares;

/// The memory of one query on one node.
#[derive(Debug)]
pub(super) struct QueryMemory {
    shares: Arc<Shares>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    /// Operators that can spill.
    spilling: usize,
}

impl QueryMemory {
    pub(super) fn new(shares: Arc<Shares>) -> Self {
        Self { shares, used: Mutex::default() }
    }

    /// Returns whether who can spill and has `held` bytes may have more.
    fn may_grow(&self, used: &Used, held: usize, additional: usize) -> bool {
        let half = self.shares.share() / 2;
        held == 0
            || used.bytes.saturating_add(additional) <= half
            || held.saturating_add(additional) <= half / used.spilling.max(1)
    }
}

impl Drop for QueryMemory {
    fn drop(&mut self) {
        // Reservations hold the pool: all of them were given back. Should one not have been, the others get its bytes.
        let held = self.used.get_mut().bytes;
        self.shares.give_back(held, held);
    }
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.used.lock().spilling += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut used = self.used.lock();
        used.spilling = used.spilling.saturating_sub(usize::from(consumer.can_spill()));
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        let mut used = self.used.lock();
        self.shares.take(used.bytes, additional);
        used.bytes += additional;
    }

    fn shrink(&self, _reservation: &MemoryReservation, bytes: usize) {
        let mut used = self.used.lock();
        self.shares.give_back(used.bytes, bytes);
        used.bytes -= bytes;
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut used = self.used.lock();
        let (consumer, held) = (reservation.consumer(), reservation.size());
        let may = !consumer.can_spill() || self.may_grow(&used, held, additional);
        if may && self.shares.try_take(used.bytes, additional) {
            used.bytes += additional;
            return Ok(());
        }
        Err(DataFusionError::ResourcesExhausted(format!(
            "{} has {} and needs {} more; the query has {}, and its share is {}",
            consumer.name(),
            human_readable_size(held),
            human_readable_size(additional),
            human_readable_size(used.bytes),
            human_readable_size(self.shares.share()),
        )))
    }

    fn reserved(&self) -> usize {
        self.used.lock().bytes
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.shares.share())
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("query")
    }
}
