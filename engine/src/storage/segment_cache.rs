//! Segments of runs in memory, for a root that is a directory.
//!
//! The system's own cache keeps the bytes, but a read of it is a call, a zeroed buffer and a copy:
//! together a fifth of a warm scan's time. A segment is kept as the buffer that it was read into,
//! and lent out as often as it is asked for; runs never change, so nothing is ever stale.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use moka::future::Cache;
use object_store::path::Path;
use vortex::{
    array::buffer::BufferHandle,
    buffer::{Alignment, ByteBuffer},
    error::VortexResult,
    io::{CoalesceConfig, VortexReadAt},
};

/// Where a segment lies: its run, the first byte, the number of bytes.
type SegmentKey = (Arc<str>, u64, usize);

/// The segments in use, up to a budget.
#[derive(Debug)]
pub(crate) struct SegmentCache {
    segments: Cache<SegmentKey, ByteBuffer>,
}

impl SegmentCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let bytes =
            |_: &SegmentKey, segment: &ByteBuffer| u32::try_from(segment.len()).unwrap_or(u32::MAX);
        Self { segments: Cache::builder().max_capacity(bytes_max).weigher(bytes).build() }
    }
}

/// A run in a file, read through the cache.
pub(crate) struct CachedFile {
    file: Arc<dyn VortexReadAt>,
    cache: Arc<SegmentCache>,
    run: Arc<str>,
}

impl CachedFile {
    pub(crate) fn new(
        file: Arc<dyn VortexReadAt>,
        cache: Arc<SegmentCache>,
        location: &Path,
    ) -> Self {
        Self { file, cache, run: Arc::from(location.as_ref()) }
    }
}

impl VortexReadAt for CachedFile {
    fn coalesce_config(&self) -> Option<CoalesceConfig> {
        // A segment is kept under its own range, whatever else is read beside it.
        None
    }

    fn concurrency(&self) -> usize {
        self.file.concurrency()
    }

    fn size(&self) -> BoxFuture<'static, VortexResult<u64>> {
        self.file.size()
    }

    fn read_at(
        &self,
        offset: u64,
        length: usize,
        alignment: Alignment,
    ) -> BoxFuture<'static, VortexResult<BufferHandle>> {
        let (file, cache) = (Arc::clone(&self.file), Arc::clone(&self.cache));
        let key = (Arc::clone(&self.run), offset, length);
        async move {
            if let Some(segment) = cache.segments.get(&key).await {
                return Ok(BufferHandle::new_host(segment.aligned(alignment)));
            }
            let read = file.read_at(offset, length, alignment).await?;
            if let Some(segment) = read.as_host_opt() {
                cache.segments.insert(key, segment.clone()).await;
            }
            Ok(read)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use vortex::io::{session::RuntimeSessionExt, std_file::FileReadAt};

    use super::*;
    use crate::storage::format::session;

    #[tokio::test]
    async fn a_segment_is_read_from_the_file_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        std::fs::write(&path, [7_u8; 4096]).unwrap();
        let cache = Arc::new(SegmentCache::new(1 << 20));
        let open = || {
            let file = FileReadAt::open(&path, session().handle()).unwrap();
            CachedFile::new(Arc::new(file), Arc::clone(&cache), &Path::from("run"))
        };
        let first = open().read_at(64, 128, Alignment::new(64)).await.unwrap();
        assert_eq!(first.as_host().as_slice(), [7; 128]);
        // What the file says now no longer matters for what was read, and does for all else.
        std::fs::write(&path, [8_u8; 4096]).unwrap();
        let again = open().read_at(64, 128, Alignment::new(64)).await.unwrap();
        assert_eq!(again.as_host().as_slice(), [7; 128]);
        let other = open().read_at(64, 64, Alignment::new(64)).await.unwrap();
        assert_eq!(other.as_host().as_slice(), [8; 64]);
    }

    #[tokio::test]
    async fn the_cache_keeps_its_budget() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        std::fs::write(&path, vec![7_u8; 1 << 20]).unwrap();
        let cache = Arc::new(SegmentCache::new(64 << 10));
        let file = FileReadAt::open(&path, session().handle()).unwrap();
        let run = CachedFile::new(Arc::new(file), Arc::clone(&cache), &Path::from("run"));
        for segment in 0..256 {
            run.read_at(segment * 4096, 4096, Alignment::none()).await.unwrap();
        }
        cache.segments.run_pending_tasks().await;
        assert!(cache.segments.weighted_size() <= 64 << 10);
    }
}
