//! What is left to do of a load: one queue for all streams, in the order of the files.
//!
//! A stream takes the next piece when it is done with its last, so the rows of each stream keep the
//! order of the files. When nothing is left, streams help with files that only one can inflate.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    CopyError, CopyFile,
    decompress::SequentialFile,
    parquet::ParquetFile,
    part::PartedFile,
    rows::{Chunk, Load},
};
use crate::sql::copy::FileFormat;

/// The size of a part or a chunk, at most.
const CHUNK_BYTES_MAX: usize = 8 << 20;
/// The size of a part or a chunk, at least.
const CHUNK_BYTES_MIN: usize = 1 << 20;
/// What the chunks of all streams may hold together: each has one being read and one being parsed.
const CHUNKS_BYTES_MAX: usize = 64 << 20;

/// A piece of work.
#[derive(Debug)]
enum Unit {
    Part(Arc<PartedFile>, usize),
    Sequential(CopyFile),
    Parquet(CopyFile),
    RowGroup(Arc<ParquetFile>, usize),
}

/// What a stream does next.
pub(super) enum Task {
    Chunk(Chunk),
    RowGroup(Arc<ParquetFile>, usize),
}

#[derive(Debug, Default)]
struct State {
    units: VecDeque<Unit>,
    /// Files being inflated.
    open: Vec<Arc<SequentialFile>>,
    /// Footers being read, whose row groups are not in the queue yet.
    opening: usize,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Work {
    state: Mutex<State>,
    opened: Notify,
    chunk_bytes: usize,
}

/// The file a stream is taking chunks from.
pub(super) type Current = Option<Arc<SequentialFile>>;

impl Work {
    /// Returns the work of a load.
    pub(super) fn new(files: Vec<CopyFile>, load: &Load, stream_count: usize) -> Self {
        let chunk_bytes =
            (CHUNKS_BYTES_MAX / (2 * stream_count.max(1))).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
        Self::with_chunk_bytes(files, load, chunk_bytes)
    }

    /// Returns the work of a load in pieces of a given size.
    pub(super) fn with_chunk_bytes(files: Vec<CopyFile>, load: &Load, chunk_bytes: usize) -> Self {
        let mut units = VecDeque::new();
        // An empty object is often a folder's marker, which is no gzip or Parquet file.
        for file in files.into_iter().filter(|file| file.bytes > 0) {
            if load.options.format == FileFormat::Parquet {
                units.push_back(Unit::Parquet(file));
            } else if load.options.gzip || load.options.escape {
                units.push_back(Unit::Sequential(file));
            } else {
                let file = Arc::new(PartedFile::new(file, chunk_bytes as u64));
                let parts = 0..file.part_count();
                units.extend(parts.map(|part| Unit::Part(Arc::clone(&file), part)));
            }
        }
        let state = State { units, ..State::default() };
        Self { state: Mutex::new(state), opened: Notify::new(), chunk_bytes }
    }

    /// Returns the next task of a stream; `None` when all is done.
    pub(super) async fn next(
        &self,
        load: &Load,
        current: &mut Current,
    ) -> Result<Option<Task>, CopyError> {
        loop {
            if load.log.too_many() {
                return Err(CopyError::too_many(&load.target.table_name));
            }
            if let Some(file) = current {
                if let Some(chunk) = file.next().await? {
                    return Ok(Some(Task::Chunk(chunk)));
                }
                self.close(file);
                *current = None;
            }
            let opened = self.opened.notified();
            match self.take(load, current) {
                Some(Unit::Part(file, part)) => {
                    if let Some(chunk) = file.chunk(part, &load.options).await? {
                        return Ok(Some(Task::Chunk(chunk)));
                    }
                }
                Some(Unit::RowGroup(file, row_group)) => {
                    return Ok(Some(Task::RowGroup(file, row_group)));
                }
                Some(Unit::Parquet(file)) => self.open_parquet(file, load).await?,
                Some(Unit::Sequential(_)) => {}
                None if current.is_some() => {}
                None if self.state.lock().opening > 0 => opened.await,
                None => return Ok(None),
            }
        }
    }

    /// Takes a unit. A file to inflate becomes the current one, at once visible to all streams.
    fn take(&self, load: &Load, current: &mut Current) -> Option<Unit> {
        let mut state = self.state.lock();
        match state.units.pop_front() {
            Some(Unit::Sequential(file)) => {
                let options = Arc::clone(&load.options);
                let file = Arc::new(SequentialFile::open(file, options, self.chunk_bytes));
                state.open.push(Arc::clone(&file));
                *current = Some(file);
                None
            }
            Some(Unit::Parquet(file)) => {
                state.opening += 1;
                Some(Unit::Parquet(file))
            }
            Some(unit) => Some(unit),
            None => {
                *current = state.open.first().cloned();
                None
            }
        }
    }

    fn close(&self, file: &Arc<SequentialFile>) {
        self.state.lock().open.retain(|open| !Arc::ptr_eq(open, file));
    }

    async fn open_parquet(&self, file: CopyFile, load: &Load) -> Result<(), CopyError> {
        let opened = ParquetFile::open(file, load).await;
        {
            let mut state = self.state.lock();
            state.opening -= 1;
            if let Ok(file) = opened {
                let file = Arc::new(file);
                for row_group in file.row_groups().into_iter().rev() {
                    state.units.push_front(Unit::RowGroup(Arc::clone(&file), row_group));
                }
                drop(state);
                self.opened.notify_waiters();
                return Ok(());
            }
        }
        self.opened.notify_waiters();
        opened.map(|_| ())
    }
}
