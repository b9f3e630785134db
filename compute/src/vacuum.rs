//! Runs of a slice are merged: their rows, in order, to new runs.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use engine::{
    error::Error,
    storage::slice_writer::{SliceRuns, SliceWriter},
};
use futures::{StreamExt, stream::BoxStream};

/// Writes rows that come in order, each with its address; counts them in `rows_done`.
///
/// On an error, or when the future is dropped, nothing that was written is kept.
pub async fn rewrite(
    mut writer: SliceWriter,
    mut rows: BoxStream<'static, Result<RecordBatch, Error>>,
    rows_done: &AtomicU64,
) -> Result<SliceRuns, Error> {
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        rows_done.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        writer.write(batch).await?;
    }
    let written = writer.finish().await?;
    tracing::debug!(runs = written.runs.len(), "runs are merged");
    Ok(written)
}
