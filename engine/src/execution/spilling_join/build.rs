//! The build side of a join: in memory, or in buckets.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        compute::{cast, kernels::aggregate},
        datatypes::{DataType, Int64Type},
    },
    common::{Result, utils::memory::RecordBatchMemoryCounter},
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation},
        runtime_env::RuntimeEnv,
    },
    physical_expr::PhysicalExpr,
    physical_plan::{joins::HashJoinExec, metrics::SpillMetrics, stream::RecordBatchStreamAdapter},
    prelude::SessionConfig,
};
use futures::{TryStreamExt, stream};
use parking_lot::Mutex;

use super::{
    buckets::{Bucket, Dealer},
    kept::KeptMemory,
};

/// The join makes one batch of all: for a moment it has every row twice.
const COPIES: usize = 2;
/// What a hash table takes for each row: a hash and a position in a table that is at least an eighth and at most nine
/// sixteenths empty, the next row with that hash, and whether a row has been matched.
const TABLE_ROW_BYTES: usize = 40;
/// What an array by key takes for each key, whether there is one or not.
const ARRAY_KEY_BYTES: usize = size_of::<u32>();

/// A build side, all of it.
pub(super) enum Build {
    InMemory(InMemory),
    OnDisk(Vec<Bucket>),
}

/// Rows, and the memory for a hash table of them.
pub(super) struct InMemory {
    rows: Mutex<Option<Vec<RecordBatch>>>,
    memory: Arc<KeptMemory>,
    /// In which the join takes that memory.
    pub(super) context: Arc<TaskContext>,
}

impl InMemory {
    /// Returns the rows, to whoever asks first.
    pub(super) fn take(&self, join: &HashJoinExec) -> Option<SendableRecordBatchStream> {
        let rows = self.rows.lock().take()?.into_iter().map(Ok);
        Some(Box::pin(RecordBatchStreamAdapter::new(join.left().schema(), stream::iter(rows))))
    }

    /// Gives back what the hash table did not need.
    pub(super) fn is_built(&self) {
        self.memory.give_back();
    }
}

/// Reads a build side: into memory as long as there is some, and if not into buckets, for rows that have been dealt
/// `depth` times.
pub(super) async fn collect(
    join: Arc<HashJoinExec>,
    mut rows: SendableRecordBatchStream,
    depth: usize,
    metrics: SpillMetrics,
    context: Arc<TaskContext>,
) -> Result<Build> {
    let memory = MemoryConsumer::new("HashJoinBuild").with_can_spill(true);
    let mut collected = Collected {
        batches: Vec::new(),
        rows: 0,
        counter: RecordBatchMemoryCounter::new(),
        memory: memory.register(context.memory_pool()),
    };
    while let Some(batch) = rows.try_next().await? {
        if collected.push(batch) {
            continue;
        }
        let keys = join.on().iter().map(|(key, _)| Arc::clone(key)).collect();
        let mut dealer = Dealer::new(join.left().schema(), keys, depth, context, metrics);
        let Collected { batches, memory, .. } = collected;
        for batch in batches {
            dealer.deal(&batch)?;
        }
        drop(memory);
        while let Some(batch) = rows.try_next().await? {
            dealer.deal(&batch)?;
        }
        return Ok(Build::OnDisk(dealer.finish()?));
    }
    collected.in_memory(&join, &context).map(Build::InMemory)
}

/// What has been read so far.
struct Collected {
    batches: Vec<RecordBatch>,
    rows: usize,
    counter: RecordBatchMemoryCounter,
    memory: MemoryReservation,
}

impl Collected {
    /// Takes a batch; returns whether there is memory for the join of what there is now.
    fn push(&mut self, batch: RecordBatch) -> bool {
        let bytes = COPIES * self.counter.count_batch(&batch) + TABLE_ROW_BYTES * batch.num_rows();
        self.rows += batch.num_rows();
        self.batches.push(batch);
        self.memory.try_grow(bytes).is_ok()
    }

    fn in_memory(self, join: &HashJoinExec, context: &TaskContext) -> Result<InMemory> {
        let has_array = self.has_memory_for_an_array(join, context)?;
        let mut config = context.session_config().clone();
        if !has_array {
            // Neither few keys nor dense ones make the join try.
            let execution = &mut config.options_mut().execution;
            execution.perfect_hash_join_small_build_threshold = 0;
            execution.perfect_hash_join_min_key_density = f64::INFINITY;
        }
        let pool = Arc::clone(context.memory_pool());
        let memory = Arc::new(KeptMemory::new(pool, self.memory));
        let context = within(context, config, Arc::clone(&memory) as _);
        Ok(InMemory { rows: Mutex::new(Some(self.batches)), memory, context })
    }

    /// Asks for what the join takes for an array by key, which it does not do without once it has decided for one.
    fn has_memory_for_an_array(&self, join: &HashJoinExec, context: &TaskContext) -> Result<bool> {
        let [(key, _)] = join.on() else { return Ok(true) };
        let Some(span) = key_span(key, join, &self.batches)? else { return Ok(true) };
        let execution = &context.session_config().options().execution;
        let is_small = span < execution.perfect_hash_join_small_build_threshold;
        let density = self.rows as f64 / span as f64;
        if !is_small && density <= execution.perfect_hash_join_min_key_density {
            return Ok(true);
        }
        let bytes = span.saturating_mul(ARRAY_KEY_BYTES);
        // The array is in the place of a table.
        let more = bytes.saturating_sub(self.rows * (TABLE_ROW_BYTES - ARRAY_KEY_BYTES));
        Ok(self.memory.try_grow(more).is_ok())
    }
}

/// Returns how many keys there could be between the smallest and the largest; `None` if they are no integers.
fn key_span(
    key: &Arc<dyn PhysicalExpr>,
    join: &HashJoinExec,
    batches: &[RecordBatch],
) -> Result<Option<usize>> {
    if !key.data_type(&join.left().schema())?.is_integer() {
        return Ok(None);
    }
    let mut bounds: Option<(i64, i64)> = None;
    for batch in batches {
        let keys = key.evaluate(batch)?.into_array(batch.num_rows())?;
        let keys = cast(&keys, &DataType::Int64)?;
        let keys = keys.as_primitive::<Int64Type>();
        if let (Some(min), Some(max)) = (aggregate::min(keys), aggregate::max(keys)) {
            let (first, last) = bounds.unwrap_or((min, max));
            bounds = Some((first.min(min), last.max(max)));
        }
    }
    let span = bounds.map(|(first, last)| last.abs_diff(first).saturating_add(1));
    Ok(span.map(|span| usize::try_from(span).unwrap_or(usize::MAX)))
}

/// Returns a context with another configuration and another pool.
fn within(
    context: &TaskContext,
    config: SessionConfig,
    memory_pool: Arc<dyn MemoryPool>,
) -> Arc<TaskContext> {
    let runtime = RuntimeEnv { memory_pool, ..context.runtime_env().as_ref().clone() };
    Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        config,
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        Arc::new(runtime),
    ))
}
