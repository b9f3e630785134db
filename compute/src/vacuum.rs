//! Runs of a slice are merged: their rows, in order, to new runs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arrow::array::RecordBatch;
use engine::{
    error::Error,
    ids::SliceId,
    storage::{
        ManagedStorage,
        slice_writer::{SliceRuns, SliceWriter},
        writer::TableLayout,
    },
};
use futures::{StreamExt, stream::BoxStream};

/// Writes rows that come in order, each with its address; counts them in `rows_done`.
///
/// On an error, or when the future is dropped, nothing that was written is kept.
pub async fn rewrite(
    storage: &Arc<ManagedStorage>,
    layout: TableLayout,
    slice: SliceId,
    mut rows: BoxStream<'static, Result<RecordBatch, Error>>,
    rows_done: &AtomicU64,
) -> Result<SliceRuns, Error> {
    let mut writer = SliceWriter::new(Arc::clone(storage), Arc::new(layout), slice);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        rows_done.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        writer.write(batch).await?;
    }
    Ok(writer.finish().await?)
}
