//! The keys that a slice of a join's build side has, as a filter of the probe side's scan of that slice.
//!
//! ```text
//!  build side ─ SliceKeysExec ─▶ join of slice i with slice i ◀─ scan of slice i ─ probe side
//!                     └──── once slice i is read: its keys ────▶ filter
//! ```
//!
//! DataFusion makes such filters of build sides that are in one place or dealt out by its own hash, and
//! asks every row which partition it is of. Here each slice has its own: a partition of the scan is one.

use std::{fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch},
    datatypes::{ArrowPrimitiveType, DataType, Int16Type, Int32Type, Int64Type, Schema},
};
use datafusion::{
    common::{Result, ScalarValue, Statistics, internal_err, tree_node::TreeNodeRecursion},
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
    },
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr, conjunction,
        expressions::{BinaryExpr, Column, DynamicFilterPhysicalExpr, lit},
    },
    physical_plan::{
        ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
        PlanProperties, ReplaceChildrenOptions, StatisticsArgs, stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, stream};

use super::key_bits::KeyBits;

/// A filter for each slice: true of every row until the slice's keys are known.
pub(crate) type SliceFilters = Arc<[Arc<DynamicFilterPhysicalExpr>]>;

/// Returns filters on a column, for so many slices, or one for all of them; `None` for keys of a type that
/// has none.
pub(crate) fn slice_filters(
    table: &Schema,
    column: usize,
    slice_count: usize,
    is_one_for_all: bool,
) -> Option<SliceFilters> {
    let field = table.fields().get(column)?;
    if !matches!(field.data_type(), DataType::Int16 | DataType::Int32 | DataType::Int64) {
        return None;
    }
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), column));
    let filter = || Arc::new(DynamicFilterPhysicalExpr::new(vec![Arc::clone(&column)], lit(true)));
    if is_one_for_all {
        return Some(vec![filter(); slice_count].into());
    }
    Some((0..slice_count).map(|_| filter()).collect())
}

/// Its input, of which it notes the keys, partition by partition. An input of one partition tells all
/// slices.
#[derive(Debug)]
pub struct SliceKeysExec {
    input: Arc<dyn ExecutionPlan>,
    /// Over the input.
    key: Arc<dyn PhysicalExpr>,
    filters: SliceFilters,
}

impl SliceKeysExec {
    /// Returns the input with its keys noted; there is a filter for each partition.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        key: Arc<dyn PhysicalExpr>,
        filters: SliceFilters,
    ) -> Self {
        Self { input, key, filters }
    }

    /// Returns what the keys are of.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

impl DisplayAs for SliceKeysExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SliceKeysExec: key={}", self.key)
    }
}

impl ExecutionPlan for SliceKeysExec {
    fn name(&self) -> &'static str {
        "SliceKeysExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.key)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                Ok(Arc::new(Self::new(input, Arc::clone(&self.key), Arc::clone(&self.filters))))
            }
            _ => internal_err!("the keys of one input are noted"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(filter) = self.filters.get(partition) else {
            return internal_err!("slice {partition} has no filter");
        };
        let memory = MemoryConsumer::new("SliceKeys").with_can_spill(true);
        let memory = memory.register(context.memory_pool());
        let rows = self.input.execute(partition, context)?;
        let schema = self.schema();
        let keys = SeenKeys { key: Arc::clone(&self.key), arrays: Some(Vec::new()), memory };
        let state = (rows, keys, Arc::clone(filter));
        let noted = stream::unfold(state, |(mut rows, mut keys, filter)| async move {
            let batch = match rows.next().await {
                Some(batch) => batch.and_then(|batch| keys.note(&batch).map(|()| batch)),
                None => match keys.tell(&filter) {
                    Ok(()) => return None,
                    Err(error) => Err(error),
                },
            };
            Some((batch, (rows, keys, filter)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, noted)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        input: &[Arc<Statistics>],
        _arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match input {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("the keys of one input are noted"),
        }
    }
}

/// The keys of a slice so far.
struct SeenKeys {
    key: Arc<dyn PhysicalExpr>,
    /// `None` when there was no memory for them: the filter stays true of every row.
    arrays: Option<Vec<ArrayRef>>,
    /// A join that holds the rows they are of has them anyway; one that has put the rows on disk has not.
    memory: MemoryReservation,
}

impl SeenKeys {
    fn note(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(arrays) = &mut self.arrays else { return Ok(()) };
        let keys = self.key.evaluate(batch)?.into_array(batch.num_rows())?;
        if self.memory.try_grow(keys.to_data().get_slice_memory_size()?).is_ok() {
            arrays.push(keys);
        } else {
            self.arrays = None;
            self.memory.free();
        }
        Ok(())
    }

    /// Makes the keys known to the scan.
    fn tell(&mut self, filter: &DynamicFilterPhysicalExpr) -> Result<()> {
        let Some(arrays) = self.arrays.take() else { return Ok(()) };
        let Some(data_type) = arrays.first().map(|keys| keys.data_type().clone()) else {
            return known(filter, lit(false));
        };
        let Some(column) = filter.children().first().copied().cloned() else { return Ok(()) };
        let among = match data_type {
            DataType::Int16 => among::<Int16Type>(&column, &arrays)?,
            DataType::Int32 => among::<Int32Type>(&column, &arrays)?,
            DataType::Int64 => among::<Int64Type>(&column, &arrays)?,
            _ => return Ok(()),
        };
        known(filter, among)
    }
}

/// Returns the predicate that a column is among these integers. NULL is not: it equals nothing.
fn among<T>(column: &Arc<dyn PhysicalExpr>, keys: &[ArrayRef]) -> Result<Arc<dyn PhysicalExpr>>
where
    T: ArrowPrimitiveType<Native: Into<i64>>,
{
    let keys = || keys.iter().flat_map(|keys| keys.as_primitive::<T>().iter().flatten());
    let mut bounds: Option<(i64, i64)> = None;
    for key in keys().map(Into::into) {
        let (first, last) = bounds.unwrap_or((key, key));
        bounds = Some((first.min(key), last.max(key)));
    }
    let Some((first, last)) = bounds else { return Ok(lit(false)) };
    let bound = |op, value| -> Result<Arc<dyn PhysicalExpr>> {
        let value = ScalarValue::Int64(Some(value)).cast_to(&T::DATA_TYPE)?;
        Ok(Arc::new(BinaryExpr::new(Arc::clone(column), op, lit(value))))
    };
    let conjuncts = [bound(Operator::GtEq, first)?, bound(Operator::LtEq, last)?];
    let bits = KeyBits::of(Arc::clone(column), (first, last), keys().map(Into::into));
    let bits = bits.map(|bits| Arc::new(bits) as Arc<dyn PhysicalExpr>);
    Ok(conjunction(conjuncts.into_iter().chain(bits)))
}

fn known(filter: &DynamicFilterPhysicalExpr, keys: Arc<dyn PhysicalExpr>) -> Result<()> {
    filter.update(keys)?;
    filter.mark_complete();
    Ok(())
}
