//! Rows of one load in, runs out.
//!
//! ```text
//!  stream ─▶ router ─┐
//!  stream ─▶ router ─┴▶ a buffer per slice ─▶ (half the memory full) sort ─▶ zone map ─▶ Vortex ─▶ store
//!                                              └── in the background, all slices at once ──┘
//! ```
//!
//! While one half of the memory is being written, the other fills. All streams of a load fill the same
//! buffers: runs are as large as the memory allows, and streams that share the work on sorted rows make
//! runs that hardly overlap. What is written becomes visible only when the caller commits the runs; a
//! load that fails leaves nothing behind.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{DataType, SchemaRef},
};
use tokio::task::JoinSet;

use super::{
    ColumnSummary, DistinctEstimator, ManagedStorage, RowSample, SAMPLE_ROWS_MAX, StorageError,
    encoding::Encoding,
    format::write_run,
    inline::InlineRows,
    paths::{ObjectPath, RunPath},
    pending::delete_objects,
    run::{ColumnStatistics, Run},
    sort::{RowOrder, sort_batches},
    zones::ZoneMap,
};
use crate::{
    chance::off_thread,
    distribution::{DistributionError, RowDistribution, SliceRouter},
    ids::{RunId, SliceId, TableId, WriteId},
};

/// How a table's rows are laid out.
#[derive(Debug, Clone)]
pub struct TableLayout {
    /// The table.
    pub table: TableId,
    /// Its rows.
    pub schema: SchemaRef,
    /// How its columns are compressed; those beyond the last are [`Encoding::Sampled`].
    pub encodings: Vec<Encoding>,
    /// How the rows of a run are ordered.
    pub order: RowOrder,
    /// Which slice owns a row.
    pub distribution: RowDistribution,
    /// How many slices there are.
    pub slice_count: u32,
    /// The rows of a slice that take at most so many bytes need no object: they go into the commit log.
    pub inline_bytes_max: usize,
}

/// Deals the rows of one stream out to slices.
#[derive(Debug)]
pub struct RowRouter {
    layout: Arc<TableLayout>,
    router: SliceRouter,
}

/// Rows of one batch, by the slices that own them.
pub type RoutedRows = Vec<(SliceId, RecordBatch)>;

impl RowRouter {
    /// Splits a batch; its columns must be those of the layout.
    pub fn route(&mut self, batch: RecordBatch) -> Result<RoutedRows, StorageError> {
        let batch = self.check(batch)?;
        Ok(self.router.route(&batch)?)
    }

    fn check(&self, batch: RecordBatch) -> Result<RecordBatch, StorageError> {
        if batch.schema_ref() == &self.layout.schema {
            return Ok(batch);
        }
        RecordBatch::try_new(Arc::clone(&self.layout.schema), batch.columns().to_vec()).map_err(
            |error| StorageError::RowsMismatch {
                table: self.layout.table.to_string(),
                message: error.to_string(),
            },
        )
    }
}

/// Writes the rows of one load.
#[derive(Debug)]
pub struct TableWriter {
    storage: Arc<ManagedStorage>,
    layout: Arc<TableLayout>,
    buffers: Vec<Vec<RecordBatch>>,
    buffered_bytes: usize,
    flush_bytes: usize,
    flushes: JoinSet<Result<Flushed, StorageError>>,
    runs: Vec<Run>,
    /// Rows of the load, if it is to say what it knows of them.
    sample: Option<RowSample>,
    /// The different values of each column.
    distinct: Vec<DistinctEstimator>,
    /// Everything that was or may have been written, to be deleted if the load fails.
    started: Vec<RunPath>,
    /// Whose runs they are, if they are a write's.
    write: Option<WriteId>,
}

impl TableWriter {
    /// Returns a writer that holds about `memory_bytes_max` of rows at most.
    pub fn new(storage: Arc<ManagedStorage>, layout: TableLayout, memory_bytes_max: usize) -> Self {
        let slice_count = owners(&layout);
        Self {
            storage,
            buffers: (0..slice_count).map(|_| Vec::new()).collect(),
            buffered_bytes: 0,
            flush_bytes: memory_bytes_max / 2,
            flushes: JoinSet::new(),
            runs: Vec::new(),
            sample: None,
            distinct: vec![DistinctEstimator::default(); layout.schema.fields().len()],
            started: Vec::new(),
            write: None,
            layout: Arc::new(layout),
        }
    }

    /// Makes the writer remember what [`Self::finish_summarized`] is to say of the rows.
    pub fn summarizing(mut self) -> Self {
        self.sample = Some(RowSample::new(SAMPLE_ROWS_MAX));
        self
    }

    /// Makes the runs those of a write.
    pub fn of_write(mut self, write: Option<WriteId>) -> Self {
        self.write = write;
        self
    }

    /// Returns what one stream of rows passes through before they are written.
    pub fn router(&self) -> RowRouter {
        let router = SliceRouter::new(self.layout.distribution, owners(&self.layout));
        RowRouter { layout: Arc::clone(&self.layout), router }
    }

    /// Adds rows that a [`RowRouter`] of this writer dealt out.
    pub async fn write(&mut self, rows: RoutedRows) -> Result<(), StorageError> {
        for (slice, part) in rows {
            if let Some(sample) = &mut self.sample {
                sample.add(&part).map_err(DistributionError::from)?;
            }
            self.buffered_bytes += row_bytes(&part);
            if let Some(buffer) =
                usize::try_from(slice.0).ok().and_then(|s| self.buffers.get_mut(s))
            {
                buffer.push(part);
            }
        }
        if self.buffered_bytes >= self.flush_bytes {
            self.wait().await?;
            self.flush();
        }
        Ok(())
    }

    /// Writes what is left; returns the runs, by slice. They are not yet visible, and durable but for the
    /// rows of small ones, which become so with the record that commits them.
    pub async fn finish(self) -> Result<Vec<Run>, StorageError> {
        Ok(self.finish_summarized().await?.0)
    }

    /// As [`Self::finish`]; and returns what is known of each column of the rows, if the writer is
    /// [`Self::summarizing`].
    pub async fn finish_summarized(
        mut self,
    ) -> Result<(Vec<Run>, Vec<ColumnSummary>), StorageError> {
        self.wait().await?;
        if self.started.is_empty() {
            self.keep_small()?;
        }
        self.flush();
        self.wait().await?;
        // From here on the runs belong to the caller.
        self.started.clear();
        let mut runs = std::mem::take(&mut self.runs);
        runs.sort_by_key(|run| run.slice);
        Ok((runs, self.summaries()?))
    }

    fn summaries(&mut self) -> Result<Vec<ColumnSummary>, StorageError> {
        let Some(mut sample) = self.sample.take() else { return Ok(Vec::new()) };
        // That is how they lie in the runs.
        sample.sort(&self.layout.order).map_err(DistributionError::from)?;
        let distinct = std::mem::take(&mut self.distinct);
        let summaries = ColumnSummary::of_rows(&self.layout.schema, vec![sample], distinct);
        Ok(summaries.map_err(DistributionError::from)?)
    }

    fn keep(&mut self, (run, distinct): Flushed) {
        self.runs.push(run);
        self.distinct.iter_mut().zip(&distinct).for_each(|(all, of_run)| all.merge(of_run));
    }

    /// Gives the load up: what was written is deleted.
    pub async fn abort(mut self) {
        self.flushes.shutdown().await;
        delete_runs(Arc::clone(&self.storage), std::mem::take(&mut self.started)).await;
    }

    /// Waits for the flush that is under way.
    async fn wait(&mut self) -> Result<(), StorageError> {
        while let Some(flushed) = self.flushes.join_next().await {
            let flushed = flushed.map_err(|error| self.task_failed(&error))??;
            self.keep(flushed);
        }
        Ok(())
    }

    /// Makes runs without an object of the slices that have few rows.
    fn keep_small(&mut self) -> Result<(), StorageError> {
        let mut kept = Vec::new();
        for (slice, buffer) in (0..).map(SliceId).zip(&mut self.buffers) {
            let bytes: usize = buffer.iter().map(row_bytes).sum();
            if buffer.is_empty() || bytes > self.layout.inline_bytes_max {
                continue;
            }
            if let Some(run) = inline_run(&self.layout, slice, buffer)? {
                buffer.clear();
                kept.push(run);
            }
        }
        kept.into_iter().for_each(|run| self.keep(run));
        Ok(())
    }

    fn flush(&mut self) {
        self.buffered_bytes = 0;
        for (slice, buffer) in (0..).map(SliceId).zip(&mut self.buffers) {
            if buffer.is_empty() {
                continue;
            }
            let run = RunId::random_of(self.write);
            let path = RunPath { table: self.layout.table, slice, run };
            self.started.push(path);
            let storage = Arc::clone(&self.storage);
            let layout = Arc::clone(&self.layout);
            self.flushes.spawn(flush_slice(storage, layout, path, std::mem::take(buffer)));
        }
    }

    fn task_failed(&self, error: &tokio::task::JoinError) -> StorageError {
        StorageError::WriteRun { table: self.layout.table.to_string(), message: error.to_string() }
    }
}

impl Drop for TableWriter {
    /// A writer that is neither finished nor aborted (a cancelled statement) cleans up behind it.
    fn drop(&mut self) {
        if self.started.is_empty() {
            return;
        }
        self.flushes.abort_all();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut flushes = std::mem::take(&mut self.flushes);
            let runs = delete_runs(Arc::clone(&self.storage), std::mem::take(&mut self.started));
            runtime.spawn(async move {
                flushes.shutdown().await;
                runs.await;
            });
        }
    }
}

/// Returns how many slices own rows of a table.
fn owners(layout: &TableLayout) -> u32 {
    match layout.distribution {
        RowDistribution::All => 1,
        RowDistribution::Even | RowDistribution::Key(_) => layout.slice_count.max(1),
    }
}

/// A run, and the estimators of its columns' distinct values.
pub(super) type Flushed = (Run, Vec<DistinctEstimator>);

/// Sorts rows of one slice and writes them as one run. On return it is durable.
pub(super) async fn flush_slice(
    storage: Arc<ManagedStorage>,
    layout: Arc<TableLayout>,
    path: RunPath,
    batches: Vec<RecordBatch>,
) -> Result<Flushed, StorageError> {
    let failed = |error: &(dyn std::error::Error + 'static)| StorageError::write_run(path, error);
    let prepare = {
        let layout = Arc::clone(&layout);
        move || prepared(&layout, batches)
    };
    let (batches, zones, mut columns, distinct) =
        off_thread(prepare).await.map_err(|error| failed(&error))??;
    let store = Arc::clone(storage.store());
    let location = storage.location(&ObjectPath::Run(path));
    let object = write_run(store, location, &layout, batches, &zones).await?;
    for (column, bytes) in columns.iter_mut().zip(&object.column_bytes) {
        column.bytes = *bytes;
    }
    for (at, column) in columns.iter_mut().enumerate() {
        column.encoding = Some(layout.encodings.get(at).copied().unwrap_or_default());
    }
    let run = Run {
        id: path.run,
        slice: path.slice,
        home: None,
        row_count: zones.row_count(),
        bytes: object.bytes,
        columns,
        checksum: Some(object.checksum),
        is_full: false,
        deletes: Vec::new(),
        inline: None,
    };
    Ok((run, distinct))
}

/// Returns rows of one slice as a run that needs no object; `None` if they take too many bytes.
fn inline_run(
    layout: &TableLayout,
    slice: SliceId,
    batches: &[RecordBatch],
) -> Result<Option<Flushed>, StorageError> {
    let (batches, zones, mut columns, distinct) = prepared(layout, batches.to_vec())?;
    let inline = InlineRows::new(&layout.schema, &batches).map_err(DistributionError::from)?;
    for (column, values) in columns.iter_mut().zip(inline.rows().columns()) {
        column.bytes = values.to_data().get_slice_memory_size().unwrap_or(0) as u64;
    }
    let bytes = inline.bytes();
    if bytes > layout.inline_bytes_max as u64 {
        return Ok(None);
    }
    let run = Run {
        id: RunId::random(),
        slice,
        home: None,
        row_count: zones.row_count(),
        bytes,
        columns,
        checksum: None,
        is_full: false,
        deletes: Vec::new(),
        inline: Some(Arc::new(inline)),
    };
    Ok(Some((run, distinct)))
}

/// Rows in their order, and what is known of them.
type Prepared = (Vec<RecordBatch>, ZoneMap, Vec<ColumnStatistics>, Vec<DistinctEstimator>);

fn prepared(layout: &TableLayout, batches: Vec<RecordBatch>) -> Result<Prepared, StorageError> {
    let batches = sort_batches(batches, &layout.order).map_err(DistributionError::from)?;
    let (zones, statistics, distinct) = ZoneMap::build(&layout.schema, &batches)?;
    Ok((batches, zones, statistics, distinct))
}

/// Deletes runs that nobody refers to.
pub async fn delete_runs(storage: Arc<ManagedStorage>, runs: Vec<RunPath>) {
    delete_objects(storage, runs.into_iter().map(ObjectPath::Run).collect()).await;
}

/// Returns the memory that rows need, were they alone in their buffers.
pub(super) fn row_bytes(batch: &RecordBatch) -> usize {
    let bytes = batch.columns().iter().map(|column| {
        let nulls = column.nulls().map_or(0, |_| column.len() / 8);
        let values = match column.data_type() {
            DataType::Boolean => column.len() / 8,
            DataType::Utf8View => {
                let views = column.as_string_view();
                let long = views.lengths().filter(|&length| length > 12).map(|l| l as usize);
                views.len() * 16 + long.sum::<usize>()
            }
            other => column.len() * other.primitive_width().unwrap_or(16),
        };
        nulls + values
    });
    bytes.sum()
}
