//! Pieces of runs in memory, for roots that are far away: a directory has the system's own cache.
//!
//! A run is cut in pages of [`PAGE_BYTES`]; a read fetches the pages that are missing, adjoining
//! ones in one request, and keeps them until newer ones need their room.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parking_lot::Mutex;
use vortex::{
    array::buffer::BufferHandle,
    buffer::{Alignment, ByteBufferMut},
    error::{VortexResult, vortex_err},
    io::{CoalesceConfig, VortexReadAt},
};

/// Bytes of a page.
const PAGE_BYTES: u64 = 1 << 20;
/// The largest request: as much as one connection brings in the time it takes to ask for more.
const REQUEST_PAGES: u64 = 8;
/// How many requests of one read are under way at a time.
const REQUESTS: usize = 8;
/// How many reads of one run are under way at a time.
const READS: usize = 32;

type PageKey = (Path, u64);

/// The pages read last, up to a budget.
#[derive(Debug)]
pub(crate) struct PageCache {
    bytes_max: usize,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    by_key: HashMap<PageKey, Page>,
    /// In the order they were read; a page used since gets another round.
    order: VecDeque<PageKey>,
    bytes: usize,
}

#[derive(Debug)]
struct Page {
    bytes: Bytes,
    used: bool,
}

impl PageCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, pages: Mutex::default() }
    }

    fn get(&self, location: &Path, page: u64) -> Option<Bytes> {
        let mut pages = self.pages.lock();
        let page = pages.by_key.get_mut(&(location.clone(), page))?;
        page.used = true;
        Some(page.bytes.clone())
    }

    fn insert(&self, location: &Path, page: u64, bytes: Bytes) {
        let mut pages = self.pages.lock();
        let key = (location.clone(), page);
        pages.bytes += bytes.len();
        match pages.by_key.insert(key.clone(), Page { bytes, used: false }) {
            // Two reads fetched it at once.
            Some(old) => pages.bytes -= old.bytes.len(),
            None => pages.order.push_back(key),
        }
        while pages.bytes > self.bytes_max
            && let Some(key) = pages.order.pop_front()
        {
            match pages.by_key.get_mut(&key) {
                Some(page) if page.used => {
                    page.used = false;
                    pages.order.push_back(key);
                }
                _ => {
                    if let Some(page) = pages.by_key.remove(&key) {
                        pages.bytes -= page.bytes.len();
                    }
                }
            }
        }
    }
}

/// A run in an object store, read through the cache.
#[derive(Clone)]
pub(crate) struct CachedRun {
    store: Arc<dyn ObjectStore>,
    cache: Arc<PageCache>,
    location: Path,
    size: u64,
}

impl CachedRun {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        cache: Arc<PageCache>,
        location: Path,
        size: u64,
    ) -> Self {
        Self { store, cache, location, size }
    }

    /// Returns the bytes of a range, in the pieces that the pages are.
    async fn read(&self, range: Range<u64>) -> object_store::Result<Vec<Bytes>> {
        let pages = range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES);
        let cached = pages.clone().map(|page| self.cache.get(&self.location, page));
        let mut found = cached.collect::<Vec<_>>();
        let requests = missing(&found, pages.start).into_iter().map(|missing| async move {
            let end = (missing.end * PAGE_BYTES).min(self.size);
            let bytes =
                self.store.get_range(&self.location, missing.start * PAGE_BYTES..end).await?;
            Ok::<_, object_store::Error>((missing, bytes))
        });
        let fetched =
            stream::iter(requests).buffer_unordered(REQUESTS).try_collect::<Vec<_>>().await?;
        for (missing, bytes) in fetched {
            for page in missing.clone() {
                let start = index((page - missing.start) * PAGE_BYTES).min(bytes.len());
                let end = (start + index(PAGE_BYTES)).min(bytes.len());
                // A copy of its own, so that one page does not keep its neighbours in memory.
                let piece = Bytes::copy_from_slice(&bytes[start..end]);
                self.cache.insert(&self.location, page, piece.clone());
                found[index(page - pages.start)] = Some(piece);
            }
        }
        let pieces = found.into_iter().flatten().zip(pages).map(|(bytes, page)| {
            let start = range.start.saturating_sub(page * PAGE_BYTES);
            let end = (range.end - page * PAGE_BYTES).min(bytes.len() as u64);
            bytes.slice(index(start.min(end))..index(end))
        });
        Ok(pieces.collect())
    }
}

/// Returns the pages that were not found, adjoining ones together.
fn missing(found: &[Option<Bytes>], first: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (page, found) in (first..).zip(found) {
        if found.is_some() {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.end == page && page - last.start < REQUEST_PAGES => last.end += 1,
            _ => ranges.push(page..page + 1),
        }
    }
    ranges
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl VortexReadAt for CachedRun {
    fn coalesce_config(&self) -> Option<CoalesceConfig> {
        Some(CoalesceConfig::object_storage())
    }

    fn concurrency(&self) -> usize {
        READS
    }

    fn size(&self) -> BoxFuture<'static, VortexResult<u64>> {
        let size = self.size;
        async move { Ok(size) }.boxed()
    }

    fn read_at(
        &self,
        offset: u64,
        length: usize,
        alignment: Alignment,
    ) -> BoxFuture<'static, VortexResult<BufferHandle>> {
        let run = self.clone();
        async move {
            let pieces = run.read(offset..offset + length as u64).await?;
            let mut buffer = ByteBufferMut::with_capacity_aligned(length, alignment);
            for piece in &pieces {
                buffer.extend_from_slice(piece);
            }
            if buffer.len() != length {
                return Err(vortex_err!("{} is shorter than it was written", run.location));
            }
            Ok(BufferHandle::new_host(buffer.freeze()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn any_range_is_read_through_a_cache_that_keeps_its_budget() {
        let store = Arc::new(InMemory::new());
        let location = Path::from("run");
        let content = (0..5_500_000_u32).map(|n| (n * 31 % 251) as u8).collect::<Vec<_>>();
        store.put(&location, content.clone().into()).await.unwrap();
        let cache = Arc::new(PageCache::new(3 << 20));
        let size = content.len() as u64;
        let run = CachedRun::new(store, Arc::clone(&cache), location, size);
        for range in [0..10, 1_048_570..1_048_600, 5..5_500_000, 5_499_990..5_500_000, 0..2_100_000]
        {
            for _ in 0..2 {
                let length = range.end - range.start;
                let read =
                    run.read_at(range.start as u64, length, Alignment::none()).await.unwrap();
                assert_eq!(read.as_host().as_slice(), &content[range.clone()]);
            }
            assert!(cache.pages.lock().bytes <= 3 << 20);
        }
        assert!(run.read_at(5_499_999, 2, Alignment::none()).await.is_err());
    }
}
