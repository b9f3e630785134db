//! Rows arrive: from the files of a COPY or the plan of an INSERT to runs of the slices that own them.
//!
//! ```text
//!  stream 0 ─▶ assemble ─▶ writer 0 ─┬─▶ runs of slice 0
//!  stream 1 ─▶ assemble ─▶ writer 1 ─┴─▶ runs of slice 1
//! ```
//!
//! Every stream has its own writer, so that sorted input gives runs that do not overlap.

use std::sync::Arc;

use arrow::array::RecordBatch;
use engine::{
    error::Error,
    storage::{
        ManagedStorage,
        paths::RunPath,
        run::Run,
        writer::{TableLayout, TableWriter, delete_runs},
    },
    write::RowAssembler,
};
use futures::{StreamExt, stream::BoxStream};
use tokio::task::JoinSet;

/// Memory for rows that wait to be sorted and written, over all streams of one statement.
const WRITE_MEMORY_BYTES_MAX: usize = 256 << 20;

/// Writes all rows, or keeps nothing of them.
pub async fn write(
    storage: &Arc<ManagedStorage>,
    layout: TableLayout,
    assembler: RowAssembler,
    streams: Vec<BoxStream<'static, Result<RecordBatch, Error>>>,
) -> Result<(Vec<Run>, u64), Error> {
    let table = layout.table;
    let memory = WRITE_MEMORY_BYTES_MAX / streams.len().max(1);
    let mut writing = JoinSet::new();
    for stream in streams {
        let writer = TableWriter::new(Arc::clone(storage), layout.clone(), memory);
        writing.spawn(write_stream(writer, assembler.clone(), stream));
    }
    let (mut runs, mut row_count, mut failure) = (Vec::new(), 0, None);
    while let Some(finished) = writing.join_next().await {
        match finished {
            Ok(Ok((written, rows))) => {
                runs.extend(written);
                row_count += rows;
            }
            Ok(Err(error)) => {
                failure.get_or_insert(error);
                writing.abort_all();
            }
            // The others are aborted after a failure; their writers clean up when dropped.
            Err(join) if join.is_cancelled() => {}
            Err(join) => {
                failure.get_or_insert(Error::panicked(join));
                writing.abort_all();
            }
        }
    }
    match failure {
        None => Ok((runs, row_count)),
        Some(error) => {
            let paths = runs.iter().map(|run| RunPath { table, slice: run.slice, run: run.id });
            delete_runs(Arc::clone(storage), paths.collect()).await;
            Err(error)
        }
    }
}

async fn write_stream(
    mut writer: TableWriter,
    assembler: RowAssembler,
    mut stream: BoxStream<'static, Result<RecordBatch, Error>>,
) -> Result<(Vec<Run>, u64), Error> {
    let mut row_count = 0;
    while let Some(batch) = stream.next().await {
        let batch = assembler.assemble(&batch?)?;
        row_count += batch.num_rows() as u64;
        writer.write(batch).await?;
    }
    Ok((writer.finish().await?, row_count))
}
