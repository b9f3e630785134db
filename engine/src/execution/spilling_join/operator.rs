//! The operator, as plans have it.

use std::{any::Any, fmt, sync::Arc};

use datafusion::{
    common::{
        Result, Statistics,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::PhysicalExpr,
    physical_plan::{
        ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
        InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
        joins::{HashJoinExec, PartitionMode},
        metrics::{ExecutionPlanMetricsSet, MetricsSet},
    },
};

use super::run::Run;

/// A [`HashJoinExec`] that goes on on disk when its build side does not fit into memory.
#[derive(Debug)]
pub struct SpillingJoinExec {
    join: Arc<HashJoinExec>,
    run: Arc<Run>,
    metrics: ExecutionPlanMetricsSet,
}

impl SpillingJoinExec {
    /// Returns the operator in the place of a hash join; `None` if there is none, or one whose answer hangs on more
    /// than rows with equal keys: NOT IN, which one NULL anywhere makes empty.
    pub fn in_place_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let plan: &dyn Any = plan.as_ref();
        match plan.downcast_ref::<HashJoinExec>() {
            Some(join) if !join.null_aware && *join.partition_mode() != PartitionMode::Auto => {
                let join = Arc::new(join.builder().build()?);
                Ok(Some(Self::new(join, 0, ExecutionPlanMetricsSet::new())))
            }
            _ => Ok(None),
        }
    }

    /// As [`Self::in_place_of`], of rows that have been dealt to buckets `depth` times.
    pub(super) fn new(
        join: Arc<HashJoinExec>,
        depth: usize,
        metrics: ExecutionPlanMetricsSet,
    ) -> Self {
        let run = Arc::new(Run::new(Arc::clone(&join), depth, metrics.clone()));
        Self { join, run, metrics }
    }
}

/// Returns a plan whose hash joins go on on disk when memory is short.
pub(in crate::execution) fn spill_joins(
    plan: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(match SpillingJoinExec::in_place_of(&node)? {
            Some(spilling) => Transformed::yes(Arc::new(spilling) as _),
            None => Transformed::no(node),
        })
    })
    .data()
}

impl DisplayAs for SpillingJoinExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spilling")?;
        self.join.fmt_as(format, f)
    }
}

impl ExecutionPlan for SpillingJoinExec {
    fn name(&self) -> &'static str {
        "SpillingJoinExec"
    }

    /// What looks at a plan, or sends it, sees the join: only how it runs is different.
    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.join.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.join.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        ExecutionPlan::maintains_input_order(self.join.as_ref())
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.join.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.join.apply_expressions(f)
    }

    fn dynamic_expressions_produced(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.join.dynamic_expressions_produced()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        spilling(Arc::clone(&self.join).replace_children(children, options)?)
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

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        spilling(Arc::clone(&self.join).reset_state()?)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.run.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.metrics.clone_inner();
        for metric in self.join.metrics().iter().flat_map(MetricsSet::iter) {
            metrics.push(Arc::clone(metric));
        }
        Some(metrics)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.join.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        arguments: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.join.statistics_from_inputs(inputs, arguments)
    }
}

fn spilling(join: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(match SpillingJoinExec::in_place_of(&join)? {
        Some(spilling) => Arc::new(spilling),
        None => join,
    })
}
