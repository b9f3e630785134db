//! COPY's data half: bytes of files become batches of rows. No network beyond the object store.
//!
//! ```text
//!  statement ─▶ CopyOptions ─▶ source::list ─▶ files ─▶ Work (one queue) ─┬─▶ stream 0 ─▶ batches
//!                                                                         ├─▶ stream 1 ─▶ batches
//!   a part of a file:   fetch range ─▶ cut at record ends ─┐              └─▶ …
//!   a gzip file:        fetch ─▶ inflate ─▶ cut ───────────┼─▶ split ─▶ convert ─▶ batch
//!   a Parquet file:     row group ─▶ cast ─▶ batch         │      └─▶ LoadLog
//! ```
//!
//! Invariants:
//!
//! * A stream gives its rows in the order of the files: sorted files give sorted streams.
//! * Memory is bounded: each stream holds one chunk being read and one being parsed.
//! * A rejected row is in [`LoadLog`] before its stream gives another batch; when there are too
//!   many, every stream ends with [`CopyError::TooManyErrors`].

mod column;
mod convert;
mod copy_manifest;
mod csv;
mod decompress;
mod delimited;
mod error;
mod field;
mod load_log;
mod moment;
mod number;
mod options;
mod parquet;
mod part;
mod pattern;
mod rows;
mod share;
pub mod source;
mod work;
pub(crate) mod zone;

pub use error::CopyError;
pub use load_log::{FileCounts, LoadError, LoadLog, LoadReport};
pub(crate) use moment::{auto as read_moment, time as read_time};
pub use options::{CopyOptions, DateFormat, TimeFormat};
pub use pattern::Pattern;
pub use share::CopyShare;
pub use source::CopyFile;

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::{Schema, SchemaRef},
};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use self::{
    rows::{Load, RowReader},
    work::{Task, Work},
};
use crate::types::SqlType;

/// What the rows are for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopyTarget {
    /// The table's name, for messages.
    pub table_name: String,
    /// The columns of the files, in their order.
    pub columns: Vec<CopyColumn>,
}

/// A column of the files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopyColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
    /// Whether NULL may be loaded.
    pub nullable: bool,
}

impl CopyTarget {
    /// Returns the schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        let field = |column: &CopyColumn| column.sql_type.field(&column.name, column.nullable);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }
}

/// Rows of files.
pub type CopyRows = BoxStream<'static, Result<RecordBatch, CopyError>>;

type Batches = mpsc::Sender<Result<RecordBatch, CopyError>>;

/// Returns the rows of the files as streams that share the work.
///
/// A stream starts when it is first polled and stops when it is dropped. With NOLOAD the rows come
/// too, for the caller to count and not to write.
pub fn read(
    files: Vec<CopyFile>,
    options: Arc<CopyOptions>,
    target: Arc<CopyTarget>,
    log: Arc<LoadLog>,
    stream_count: usize,
) -> Vec<CopyRows> {
    let load = Load { options, target, log };
    let work = Work::new(files, &load, stream_count);
    streams(work, &load, stream_count)
}

/// Reads all rows and counts them: NOLOAD.
pub async fn count(streams: Vec<CopyRows>) -> Result<u64, CopyError> {
    let mut rows = stream::select_all(streams);
    let mut row_count = 0;
    while let Some(batch) = rows.try_next().await? {
        row_count += batch.num_rows() as u64;
    }
    Ok(row_count)
}

fn streams(work: Work, load: &Load, stream_count: usize) -> Vec<CopyRows> {
    let work = Arc::new(work);
    let one = || {
        let (work, load) = (Arc::clone(&work), load.clone());
        // A task of its own: the next chunk is fetched and parsed while rows are being written.
        let start = async move {
            let (batches, receiver) = mpsc::channel(1);
            let task = AbortOnDropHandle::new(tokio::spawn(run(work, load, batches)));
            ReceiverStream::new(receiver).map(move |batch| {
                let _ = &task;
                batch
            })
        };
        stream::once(start).flatten().boxed()
    };
    (0..stream_count.max(1)).map(|_| one()).collect()
}

async fn run(work: Arc<Work>, load: Load, batches: Batches) {
    if let Err(error) = run_tasks(&work, &load, &batches).await {
        // Nobody left to tell: the load was given up.
        let _ = batches.send(Err(error)).await;
    }
}

/// Fetches a chunk while the one before is parsed.
async fn run_tasks(work: &Work, load: &Load, batches: &Batches) -> Result<(), CopyError> {
    let mut parsing = None;
    let mut current = None;
    loop {
        let task = work.next(load, &mut current).await;
        if let Some(parsed) = parsing.take() {
            let parsed: tokio::task::JoinHandle<Result<Vec<RecordBatch>, CopyError>> = parsed;
            for batch in parsed.await?? {
                if batches.send(Ok(batch)).await.is_err() {
                    return Ok(());
                }
            }
        }
        match task? {
            Some(Task::Chunk(chunk)) => {
                let load = load.clone();
                parsing = Some(tokio::task::spawn_blocking(move || RowReader::read(&load, &chunk)));
            }
            Some(Task::RowGroup(file, row_group)) => {
                let mut rows = file.rows(row_group, load)?;
                while let Some(batch) = rows.next().await {
                    if batches.send(Ok(batch?)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
