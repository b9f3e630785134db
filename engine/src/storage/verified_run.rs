//! A run whose segments are held against their checksums as they are read.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use object_store::path::Path;
use tokio::sync::OnceCell;
use vortex::{
    array::buffer::BufferHandle,
    buffer::Alignment,
    error::{VortexResult, vortex_err},
    io::{CoalesceConfig, VortexReadAt},
};

use super::{object_cache::ObjectCache, segment_checksums::SegmentChecksums};

/// What reads a run, and fails where that is not what was written.
#[derive(Clone)]
pub(crate) struct VerifiedRun(Arc<Shared>);

struct Shared {
    run: Arc<dyn VortexReadAt>,
    location: Path,
    bytes: u64,
    /// Those of all runs that were read lately.
    known: Arc<ObjectCache<SegmentChecksums>>,
    checksums: OnceCell<Arc<SegmentChecksums>>,
}

impl VerifiedRun {
    /// Returns what reads the run at `location`, an object of `bytes` bytes that `run` reads.
    pub(crate) fn new(
        run: Arc<dyn VortexReadAt>,
        location: &Path,
        bytes: u64,
        known: &Arc<ObjectCache<SegmentChecksums>>,
    ) -> Self {
        let (location, known) = (location.clone(), Arc::clone(known));
        Self(Arc::new(Shared { run, location, bytes, known, checksums: OnceCell::new() }))
    }
}

impl Shared {
    async fn checksums(&self) -> VortexResult<&SegmentChecksums> {
        let checksums = self.checksums.get_or_try_init(|| self.read_checksums()).await?;
        Ok(checksums.as_ref())
    }

    async fn read_checksums(&self) -> VortexResult<Arc<SegmentChecksums>> {
        if let Some(known) = self.known.get(&self.location) {
            return Ok(known);
        }
        // Who decodes a footer that is not what was written may panic.
        let reading = AssertUnwindSafe(SegmentChecksums::read(&self.run, self.bytes));
        let read = reading.catch_unwind().await;
        let read = read.map_err(|_| vortex_err!("{} cannot be decoded", self.location))?;
        let checksums = Arc::new(read?.0);
        let memory_bytes = checksums.memory_bytes();
        self.known.insert(self.location.clone(), Arc::clone(&checksums), memory_bytes);
        Ok(checksums)
    }

    async fn read_at(
        &self,
        offset: u64,
        length: usize,
        alignment: Alignment,
    ) -> VortexResult<BufferHandle> {
        let checksums = self.checksums().await?;
        let read = self.run.read_at(offset, length, alignment).await?;
        let bytes = read.as_host_opt().map_or(&[][..], |bytes| bytes.as_slice());
        match checksums.damaged(offset, bytes).first() {
            None => Ok(read),
            Some(segment) => Err(vortex_err!("segment {segment} of {} is damaged", self.location)),
        }
    }
}

impl VortexReadAt for VerifiedRun {
    fn coalesce_config(&self) -> Option<CoalesceConfig> {
        self.0.run.coalesce_config()
    }

    fn concurrency(&self) -> usize {
        self.0.run.concurrency()
    }

    fn size(&self) -> BoxFuture<'static, VortexResult<u64>> {
        self.0.run.size()
    }

    fn read_at(
        &self,
        offset: u64,
        length: usize,
        alignment: Alignment,
    ) -> BoxFuture<'static, VortexResult<BufferHandle>> {
        let run = Arc::clone(&self.0);
        async move { run.read_at(offset, length, alignment).await }.boxed()
    }
}
