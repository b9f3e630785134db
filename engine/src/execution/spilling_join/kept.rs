//! Memory that was asked for already.

use std::{fmt, sync::Arc};

use datafusion::{
    error::Result,
    execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation},
};
use parking_lot::Mutex;

/// A pool that gives from what was kept first, and then asks for more.
#[derive(Debug)]
pub(super) struct KeptMemory {
    pool: Arc<dyn MemoryPool>,
    kept: Mutex<Option<MemoryReservation>>,
}

impl KeptMemory {
    pub(super) fn new(pool: Arc<dyn MemoryPool>, kept: MemoryReservation) -> Self {
        Self { pool, kept: Mutex::new(Some(kept)) }
    }

    /// Gives back what is left.
    pub(super) fn give_back(&self) {
        drop(self.kept.lock().take());
    }

    fn hand_over(&self, bytes: usize) {
        if let Some(kept) = self.kept.lock().as_ref() {
            kept.shrink(bytes.min(kept.size()));
        }
    }
}

impl MemoryPool for KeptMemory {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.pool.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.hand_over(additional);
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, bytes: usize) {
        self.pool.shrink(reservation, bytes);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.hand_over(additional);
        self.pool.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}

impl fmt::Display for KeptMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.pool, f)
    }
}
