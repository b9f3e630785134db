//! What a node holds for statements: nothing, when none runs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use engine::execution::NodeMemory;
use serde::{Deserialize, Serialize};

/// What a node holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Pieces of plans, whether they run or wait to be asked for rows.
    pub pieces: u64,
    /// Memory of queries, in bytes.
    pub memory_bytes: u64,
    /// Files written because memory was short.
    pub spill_files: u64,
    /// Their size.
    pub spill_bytes: u64,
}

impl Holdings {
    /// Returns what queries hold of what a process has; pieces of plans of other nodes are none of it.
    pub fn of(memory: &NodeMemory) -> Self {
        let (spill_files, spill_bytes) = memory.spilled();
        Self { pieces: 0, memory_bytes: memory.bytes() as u64, spill_files, spill_bytes }
    }
}

/// Counts the pieces of plans that are held. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct PieceCount(Arc<AtomicU64>);

/// A piece of a plan that is held; an extension of its session, and gone with the last that knows that.
#[derive(Debug)]
pub(crate) struct HeldPiece(PieceCount);

impl PieceCount {
    /// Counts a piece, until what is returned is dropped.
    pub(crate) fn hold(&self) -> HeldPiece {
        self.0.fetch_add(1, Ordering::Relaxed);
        HeldPiece(self.clone())
    }

    /// Returns how many are held.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns what is held by a node that runs pieces in this memory.
    pub(crate) fn holdings(&self, memory: &NodeMemory) -> Holdings {
        Holdings { pieces: self.count(), ..Holdings::of(memory) }
    }
}

impl Drop for HeldPiece {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
