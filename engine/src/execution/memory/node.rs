//! The memory of a node's queries.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Weak},
};

use datafusion::{
    error::Result,
    execution::{
        disk_manager::DiskManagerBuilder,
        memory_pool::TrackConsumersPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
};
use parking_lot::Mutex;

use super::{
    query::QueryMemory,
    spill::{SpillFolder, Spills},
};

/// How many of a query's largest memory users an out-of-memory error names.
const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);
/// This part of the memory is for queries that have little.
const RESERVE_PART: usize = 8;
/// A query has little that has no more than this part.
const LITTLE_PART: usize = 32;

/// The memory that the queries of a process share.
#[derive(Debug)]
pub struct NodeMemory {
    shares: Arc<Shares>,
    spill: Arc<SpillFolder>,
    /// What queries share beside memory: the folder they spill to, and caches.
    shared: RuntimeEnv,
    /// Those whose pieces come one by one, from another node.
    named: Mutex<HashMap<String, Weak<RuntimeEnv>>>,
}

impl NodeMemory {
    /// Returns memory of so many bytes, beyond which queries spill to this folder.
    pub fn new(bytes_max: usize, spill: Arc<SpillFolder>) -> Result<Arc<Self>> {
        let disk = DiskManagerBuilder::default()
            .with_temp_file_factory(Arc::new(Spills(Arc::clone(&spill))));
        let shared = RuntimeEnvBuilder::new().with_disk_manager_builder(disk).build()?;
        let shares = Arc::new(Shares { bytes_max, taken: Mutex::default() });
        Ok(Arc::new(Self { shares, spill, shared, named: Mutex::default() }))
    }

    /// Returns the bytes that queries may have together.
    pub fn bytes_max(&self) -> usize {
        self.shares.bytes_max
    }

    /// Returns the bytes that queries have now.
    pub fn bytes(&self) -> usize {
        self.shares.taken.lock().bytes
    }

    /// Returns how many files of queries are on disk now, and their bytes.
    pub fn spilled(&self) -> (u64, u64) {
        self.spill.held()
    }

    /// Removes the folder that queries have spilled to: at the end of the process, of which tasks may be left.
    pub fn close(&self) {
        self.spill.remove();
    }

    /// Returns what a query runs with; its memory is free again when that is dropped.
    pub fn of_query(&self) -> Arc<RuntimeEnv> {
        let query = QueryMemory::new(Arc::clone(&self.shares));
        let memory_pool = Arc::new(TrackConsumersPool::new(query, CONSUMERS_NAMED));
        Arc::new(RuntimeEnv { memory_pool, ..self.shared.clone() })
    }

    /// As [`Self::of_query`], the same for all pieces of the query of this name.
    pub fn of_query_named(&self, name: &str) -> Arc<RuntimeEnv> {
        let mut named = self.named.lock();
        if let Some(known) = named.get(name).and_then(Weak::upgrade) {
            return known;
        }
        named.retain(|_, query| query.strong_count() > 0);
        let query = self.of_query();
        named.insert(name.to_owned(), Arc::downgrade(&query));
        query
    }
}

/// Who has how much of a node's memory.
#[derive(Debug)]
pub(super) struct Shares {
    bytes_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    /// Queries that have any.
    queries: usize,
}

impl Shares {
    /// Returns what each query may have at least, now that there are as many as there are.
    pub(super) fn share(&self) -> usize {
        self.share_of(self.taken.lock().queries)
    }

    fn share_of(&self, queries: usize) -> usize {
        (self.bytes_max - self.bytes_max / RESERVE_PART) / queries.max(1)
    }

    /// Gives a query that has `held` bytes more; returns whether it may have them.
    pub(super) fn try_take(&self, held: usize, additional: usize) -> bool {
        let mut taken = self.taken.lock();
        let queries = taken.queries + usize::from(held == 0 && additional > 0);
        let (has, all) = (held.saturating_add(additional), taken.bytes.saturating_add(additional));
        let has_little = has <= self.bytes_max / LITTLE_PART;
        let reserve = if has_little { 0 } else { self.bytes_max / RESERVE_PART };
        // More than its share only while nobody misses it.
        let is_fair = has <= self.share_of(queries) || all <= self.bytes_max / 2;
        if all > self.bytes_max - reserve || !is_fair {
            return false;
        }
        *taken = Taken { bytes: all, queries };
        true
    }

    /// Counts what a query that has `held` bytes has taken without asking.
    pub(super) fn take(&self, held: usize, additional: usize) {
        let mut taken = self.taken.lock();
        taken.queries += usize::from(held == 0 && additional > 0);
        taken.bytes += additional;
    }

    /// Takes back from a query that has `held` bytes.
    pub(super) fn give_back(&self, held: usize, bytes: usize) {
        let mut taken = self.taken.lock();
        taken.queries -= usize::from(held == bytes && bytes > 0);
        taken.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

    use super::*;

    const BYTES: usize = 32_000;

    fn node(folder: &tempfile::TempDir) -> Arc<NodeMemory> {
        let spill = SpillFolder::open(folder.path(), 1 << 20).unwrap();
        NodeMemory::new(BYTES, Arc::new(spill)).unwrap()
    }

    fn spilling(query: &RuntimeEnv) -> MemoryReservation {
        MemoryConsumer::new("sort").with_can_spill(true).register(&query.memory_pool)
    }

    #[test]
    fn one_query_may_have_all_but_what_is_kept_for_small_ones() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder);
        let (large, small) = (node.of_query(), node.of_query());
        let build = MemoryConsumer::new("build").register(&large.memory_pool);
        build.try_grow(28_000).unwrap();
        build.try_grow(1).unwrap_err();
        let sort = spilling(&small);
        sort.try_grow(1_000).unwrap();
        let error = sort.try_grow(1).unwrap_err().to_string();
        assert!(error.contains("sort"), "{error}");
        drop(build);
        sort.try_grow(1).unwrap();
    }

    #[test]
    fn queries_and_those_within_them_get_equal_shares() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder);
        let (one, other) = (node.of_query(), node.of_query());
        let first = spilling(&one);
        let second = spilling(&one);
        // Nobody else wants it.
        first.try_grow(14_000).unwrap();
        first.try_grow(1).unwrap_err();
        // What is left of the share is for whoever has less than the others.
        second.try_grow(7_000).unwrap();
        second.try_grow(1).unwrap_err();
        let build = MemoryConsumer::new("build").register(&other.memory_pool);
        build.try_grow(7_000).unwrap();
        build.try_grow(1).unwrap_err();
        drop((first, second));
        build.try_grow(9_000).unwrap();
        drop(build);
        spilling(&one).try_grow(0).unwrap();
        assert_eq!(node.shares.taken.lock().bytes, 0);
        assert_eq!(node.shares.taken.lock().queries, 0);
    }

    #[test]
    fn pieces_of_a_query_share_its_memory() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&folder);
        let piece = node.of_query_named("q");
        assert!(Arc::ptr_eq(&piece, &node.of_query_named("q")));
        let other = node.of_query_named("r");
        assert!(!Arc::ptr_eq(&piece, &other));
        drop((piece, other));
        drop(node.of_query_named("s"));
        assert_eq!(node.named.lock().len(), 1, "those that have ended are forgotten");
    }
}
