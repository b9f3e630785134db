//! Rows dealt to files by their keys.

use std::{io, pin::Pin, sync::Arc};

use bytes::Bytes;
use datafusion::{
    arrow::{
        array::{RecordBatch, UInt32Array},
        buffer::Buffer,
        compute::{BatchCoalescer, take_record_batch},
        datatypes::SchemaRef,
        ipc::{
            CompressionType,
            reader::StreamDecoder,
            writer::{IpcWriteOptions, StreamWriter},
        },
    },
    common::{
        Result,
        hash_utils::{RandomState, create_hashes},
    },
    execution::{
        SendableRecordBatchStream, SpillFile, SpillWriter, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
    },
    physical_expr::PhysicalExpr,
    physical_expr_common::utils::evaluate_expressions_to_arrays,
    physical_plan::{metrics::SpillMetrics, stream::RecordBatchStreamAdapter},
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

/// To how many buckets rows are dealt: thrice, to 4096.
pub(super) const BUCKETS: usize = 16;
/// Rows that are written together: few, as each bucket has some waiting.
const ROWS_WRITTEN: usize = 2048;
/// What makes the hash of each dealing another one, and none of them that of an exchange.
const SEEDS: [u64; DEPTH_MAX] =
    [0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];
/// How often rows are dealt: those that are together even then have one key.
pub(super) const DEPTH_MAX: usize = 3;

/// The rows of one bucket, on disk; `None` if there are none.
pub(super) type Bucket = Option<Arc<dyn SpillFile>>;

/// What deals rows to buckets.
pub(super) struct Dealer {
    schema: SchemaRef,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    random_state: RandomState,
    buckets: Vec<Open>,
    context: Arc<TaskContext>,
    metrics: SpillMetrics,
    /// Of rows that wait to be written.
    memory: MemoryReservation,
    hashes: Vec<u64>,
    rows: Vec<Vec<u32>>,
}

/// A bucket that rows are put into.
struct Open {
    waiting: BatchCoalescer,
    file: Option<Written>,
}

/// A file that is written to.
struct Written {
    file: Arc<dyn SpillFile>,
    rows: StreamWriter<Box<dyn SpillWriter>>,
}

impl Dealer {
    /// Returns one for rows that have been dealt `depth` times.
    pub(super) fn new(
        schema: SchemaRef,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        depth: usize,
        context: Arc<TaskContext>,
        metrics: SpillMetrics,
    ) -> Self {
        let open = || {
            let waiting = BatchCoalescer::new(Arc::clone(&schema), ROWS_WRITTEN);
            Open { waiting, file: None }
        };
        Self {
            keys,
            random_state: RandomState::with_seed(SEEDS[depth % DEPTH_MAX]),
            buckets: (0..BUCKETS).map(|_| open()).collect(),
            memory: MemoryConsumer::new("JoinBuckets").register(context.memory_pool()),
            context,
            metrics,
            hashes: Vec::new(),
            rows: vec![Vec::new(); BUCKETS],
            schema,
        }
    }

    /// Puts every row into its bucket.
    pub(super) fn deal(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys = evaluate_expressions_to_arrays(&self.keys, batch)?;
        self.hashes.clear();
        self.hashes.resize(batch.num_rows(), 0);
        create_hashes(&keys, &self.random_state, &mut self.hashes)?;
        self.rows.iter_mut().for_each(Vec::clear);
        for (row, hash) in (0..).zip(&self.hashes) {
            self.rows[*hash as usize % BUCKETS].push(row);
        }
        for (bucket, rows) in self.rows.iter_mut().enumerate() {
            if !rows.is_empty() {
                let rows = UInt32Array::from(std::mem::take(rows));
                self.buckets[bucket].waiting.push_batch(take_record_batch(batch, &rows)?)?;
                write(&mut self.buckets[bucket], &self.schema, &self.context, &self.metrics)?;
            }
        }
        let waiting = self.buckets.iter().map(|bucket| bucket.waiting.get_buffered_rows());
        let row_bytes = batch.get_array_memory_size().div_ceil(batch.num_rows().max(1));
        self.memory.resize(waiting.sum::<usize>() * row_bytes);
        Ok(())
    }

    /// Writes what waits, and returns the buckets.
    pub(super) fn finish(mut self) -> Result<Vec<Bucket>> {
        let finished = self.buckets.iter_mut().map(|bucket| {
            bucket.waiting.finish_buffered_batch()?;
            write(bucket, &self.schema, &self.context, &self.metrics)?;
            let Some(Written { file, mut rows }) = bucket.file.take() else { return Ok(None) };
            rows.finish()?;
            rows.get_mut().finish()?;
            let bytes = file.size().and_then(|bytes| usize::try_from(bytes).ok());
            self.metrics.spilled_bytes.add(bytes.unwrap_or_default());
            Ok(Some(file))
        });
        finished.collect()
    }
}

/// Writes the batches of a bucket that are full.
fn write(
    bucket: &mut Open,
    schema: &SchemaRef,
    context: &TaskContext,
    metrics: &SpillMetrics,
) -> Result<()> {
    while let Some(batch) = bucket.waiting.next_completed_batch() {
        let Written { rows, .. } = match &mut bucket.file {
            Some(file) => file,
            none => {
                let file = context.runtime_env().disk_manager.create_tmp_file("a join's bucket")?;
                let options = IpcWriteOptions::default()
                    .try_with_compression(Some(CompressionType::LZ4_FRAME))?;
                let rows =
                    StreamWriter::try_new_with_options(file.open_writer()?, schema, options)?;
                metrics.spill_file_count.add(1);
                none.insert(Written { file, rows })
            }
        };
        rows.write(&batch)?;
        metrics.spilled_rows.add(batch.num_rows());
    }
    Ok(())
}

/// Returns the rows of buckets.
pub(super) fn rows_of(
    files: Vec<Arc<dyn SpillFile>>,
    schema: SchemaRef,
) -> SendableRecordBatchStream {
    let rows = stream::iter(files).map(|file| read(&file)).try_flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// Where in a file its reader is.
struct Reader {
    bytes: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
    chunk: Buffer,
    decoder: StreamDecoder,
    /// It is there as long as somebody holds it.
    _file: Arc<dyn SpillFile>,
}

fn read(
    file: &Arc<dyn SpillFile>,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
    let reader = Reader {
        bytes: file.read_stream()?,
        chunk: Buffer::from(Bytes::new()),
        decoder: StreamDecoder::new(),
        _file: Arc::clone(file),
    };
    Ok(stream::try_unfold(reader, |mut reader| async move {
        loop {
            if let Some(batch) = reader.decoder.decode(&mut reader.chunk)? {
                return Ok(Some((batch, reader)));
            }
            match reader.bytes.try_next().await? {
                Some(chunk) => reader.chunk = Buffer::from(chunk),
                None => {
                    reader.decoder.finish().map_err(io::Error::other)?;
                    return Ok(None);
                }
            }
        }
    }))
}
