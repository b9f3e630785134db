//! GroupAggregate: GROUP BY of rows that come in the order of the groups.
//!
//! ```text
//!  key    1 1 1 2 2 | 2 3 3 4      a batch | the next one
//!  group  0 0 0 1 1 | 1 2 2 3      the last group stays open, for the next batch may go on with it
//! ```
//!
//! Equal keys are side by side, so that a group is found by comparing each row with the one before it:
//! nothing is hashed, and no more than some batches of groups are held. DataFusion's aggregation knows
//! of the order too, but looks every row up in a hash table.

use std::{any::Any, fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array},
        compute::{concat, kernels::cmp::not_distinct, partition, take},
        datatypes::SchemaRef,
    },
    common::{
        Result, Statistics, internal_datafusion_err,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
    },
    logical_expr::{EmitTo, GroupsAccumulator},
    physical_expr::{OrderingRequirements, PhysicalExpr, aggregate::AggregateFunctionExpr},
    physical_plan::{
        ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
        InputDistributionRequirements, InputOrderMode, PlanProperties, ReplaceChildrenOptions,
        StatisticsArgs,
        aggregates::{
            AggregateExec, AggregateMode, PhysicalGroupBy, aggregate_expressions,
            evaluate_group_by, evaluate_many,
        },
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, TryStreamExt, stream};

/// An [`AggregateExec`] over rows in the order of its groups.
#[derive(Debug)]
pub struct GroupAggregateExec {
    aggregate: Arc<AggregateExec>,
    metrics: ExecutionPlanMetricsSet,
}

impl GroupAggregateExec {
    /// Returns the operator in place of an aggregation whose input is in the order of all its groups, and
    /// `None` if there is none or it needs more than groups of neighbours.
    pub fn in_place_of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let plan: &dyn Any = plan.as_ref();
        let aggregate = plan.downcast_ref::<AggregateExec>()?;
        let group_by = aggregate.group_expr();
        let reads_rows = matches!(
            aggregate.mode(),
            AggregateMode::Partial | AggregateMode::Single | AggregateMode::SinglePartitioned
        );
        let fits = reads_rows
            && *aggregate.input_order_mode() == InputOrderMode::Sorted
            && group_by.is_single()
            && !group_by.is_true_no_grouping()
            && aggregate.limit_options().is_none()
            && aggregate.aggr_expr().iter().all(|function| takes_groups(function))
            && !has_floats(group_by, &aggregate.input_schema());
        fits.then(|| Self {
            aggregate: Arc::new(aggregate.clone()),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

/// Returns a plan that groups neighbours wherever its rows come in the order of the groups.
pub(super) fn group_in_order(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(match GroupAggregateExec::in_place_of(&node) {
            Some(in_order) => Transformed::yes(Arc::new(in_order) as _),
            None => Transformed::no(node),
        })
    })
    .data()
}

fn takes_groups(function: &AggregateFunctionExpr) -> bool {
    function.groups_accumulator_supported() && function.order_bys().is_empty()
}

/// Floats have two zeros, which are one group and not neighbours by their bits.
fn has_floats(group_by: &PhysicalGroupBy, schema: &SchemaRef) -> bool {
    let is_float = |expr: &Arc<dyn PhysicalExpr>| {
        expr.data_type(schema).map_or(true, |data_type| data_type.is_floating())
    };
    group_by.expr().iter().any(|(expr, _)| is_float(expr))
}

impl DisplayAs for GroupAggregateExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Group")?;
        self.aggregate.fmt_as(format, f)
    }
}

impl ExecutionPlan for GroupAggregateExec {
    fn name(&self) -> &'static str {
        "GroupAggregateExec"
    }

    /// What looks at a plan, or sends it, sees the aggregation: only how it runs is different.
    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.aggregate.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.aggregate.required_input_ordering()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.aggregate.input_distribution_requirements()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![self.aggregate.input()]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // Over rows in another order it is DataFusion's aggregation again.
        let aggregate = Arc::clone(&self.aggregate).replace_children(children, options)?;
        Ok(Self::in_place_of(&aggregate).map_or(aggregate, |in_order| Arc::new(in_order)))
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
        let input = self.aggregate.input().execute(partition, Arc::clone(&context))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let groups = Groups::new(&self.aggregate, partition, &context)?;
        let batches = stream::try_unfold((input, groups), move |(mut input, mut groups)| {
            let metrics = metrics.clone();
            async move {
                while !groups.is_ended {
                    let batch = input.try_next().await?;
                    let timer = metrics.elapsed_compute().timer();
                    let found = groups.push(batch)?;
                    drop(timer);
                    if let Some(found) = found {
                        return Ok(Some((found.record_output(&metrics), (input, groups))));
                    }
                }
                Ok(None)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.aggregate.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        input: &[Arc<Statistics>],
        arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(input, arguments)
    }
}

/// The groups of one partition that are not given out yet.
struct Groups {
    aggregate: Arc<AggregateExec>,
    /// The arguments of each function.
    arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// The keys of all groups, in pieces of equal columns; the last key is that of the open group.
    keys: Vec<Vec<ArrayRef>>,
    count: usize,
    /// Of which row of a batch belongs to which group; kept for its memory.
    group_of_row: Vec<usize>,
    /// Groups that are given out together.
    batch_size: usize,
    memory: MemoryReservation,
    is_ended: bool,
}

impl Groups {
    fn new(
        aggregate: &Arc<AggregateExec>,
        partition: usize,
        context: &TaskContext,
    ) -> Result<Self> {
        let functions = aggregate.aggr_expr();
        let consumer = MemoryConsumer::new(format!("GroupAggregate[{partition}]"));
        Ok(Self {
            aggregate: Arc::clone(aggregate),
            arguments: aggregate_expressions(functions, aggregate.mode(), 0)?,
            accumulators: functions
                .iter()
                .map(|function| function.create_groups_accumulator())
                .collect::<Result<_>>()?,
            keys: Vec::new(),
            count: 0,
            group_of_row: Vec::new(),
            batch_size: context.session_config().batch_size(),
            memory: consumer.register(context.memory_pool()),
            is_ended: false,
        })
    }

    /// Takes the next batch, `None` being the end; returns groups that are complete, if there are enough.
    fn push(&mut self, batch: Option<RecordBatch>) -> Result<Option<RecordBatch>> {
        let Some(batch) = batch else {
            self.is_ended = true;
            return self.give_out(self.count);
        };
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        self.add(&batch)?;
        let size = self.accumulators.iter().map(|accumulator| accumulator.size()).sum();
        self.memory.try_resize(size)?;
        if self.count > self.batch_size { self.give_out(self.count - 1) } else { Ok(None) }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys = evaluate_group_by(self.aggregate.group_expr(), batch)?.pop();
        let keys = keys.ok_or_else(|| internal_datafusion_err!("a GROUP BY without keys"))?;
        let ranges = partition(&keys)?.ranges();
        let goes_on = self.goes_on_with(&keys)?;
        let first = self.count - usize::from(goes_on);
        self.group_of_row.clear();
        for (group, range) in (first..).zip(&ranges) {
            self.group_of_row.resize(range.end, group);
        }
        self.count = first + ranges.len();
        let new = ranges.iter().skip(usize::from(goes_on)).map(|range| range.start as u32);
        let new = UInt32Array::from_iter_values(new);
        if !new.is_empty() {
            let new = keys.iter().map(|column| take(column, &new, None));
            self.keys.push(new.collect::<std::result::Result<_, _>>()?);
        }
        self.accumulate(batch)
    }

    /// Returns whether the first row belongs to the open group.
    fn goes_on_with(&self, keys: &[ArrayRef]) -> Result<bool> {
        let Some(last) = self.keys.last() else { return Ok(false) };
        for (open, column) in last.iter().zip(keys) {
            let open = open.slice(open.len() - 1, 1);
            if !not_distinct(&open, &column.slice(0, 1))?.value(0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn accumulate(&mut self, batch: &RecordBatch) -> Result<()> {
        let arguments = evaluate_many(&self.arguments, batch)?;
        let filters = self.aggregate.filter_expr().iter().map(|filter| {
            let rows = filter.as_ref().map(|filter| {
                filter.evaluate(batch).and_then(|rows| rows.into_array(batch.num_rows()))
            });
            rows.transpose()
        });
        let filters = filters.collect::<Result<Vec<_>>>()?;
        for ((accumulator, arguments), filter) in
            self.accumulators.iter_mut().zip(&arguments).zip(&filters)
        {
            let filter: Option<&BooleanArray> = filter.as_ref().map(|filter| filter.as_boolean());
            accumulator.update_batch(arguments, &self.group_of_row, filter, self.count)?;
        }
        Ok(())
    }

    /// Gives the first groups out.
    fn give_out(&mut self, count: usize) -> Result<Option<RecordBatch>> {
        if count == 0 {
            return Ok(None);
        }
        let pieces = std::mem::take(&mut self.keys);
        let width = self.aggregate.group_expr().num_group_exprs();
        let mut columns = (0..width)
            .map(|column| {
                let pieces = pieces.iter().map(|piece| piece[column].as_ref());
                concat(&pieces.collect::<Vec<_>>())
            })
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if count < self.count {
            self.keys
                .push(columns.iter().map(|keys| keys.slice(count, self.count - count)).collect());
            columns = columns.iter().map(|keys| keys.slice(0, count)).collect();
        }
        self.count -= count;
        let is_partial = *self.aggregate.mode() == AggregateMode::Partial;
        for accumulator in &mut self.accumulators {
            if is_partial {
                columns.extend(accumulator.state(EmitTo::First(count))?);
            } else {
                columns.push(accumulator.evaluate(EmitTo::First(count))?);
            }
        }
        Ok(Some(RecordBatch::try_new(self.aggregate.schema(), columns)?))
    }
}
