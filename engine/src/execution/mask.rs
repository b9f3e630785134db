//! Hides from DataFusion what it would draw wrong conclusions from.
//!
//! | hidden           | of                                 | conclusion                                            |
//! |------------------|------------------------------------|-------------------------------------------------------|
//! | how rows are dealt out | what an exchange has put on its slices ([`route_to_slice`](super::route_to_slice)) | rows dealt out by a hash. Two such inputs of a join it takes for dealt out by the *join's keys*, and the filter that it makes of one side's keys drops rows of the other |
//! | all but the number of partitions | groups of GROUPING SETS | groups keep what their rows had: a column that is constant (`WHERE s = 'x3'`), columns that are equal, an order, a place. A set without the column has NULL there; groups come twice, or a sort is left out |
//! | the order        | the side of a join that is looked up | the join's rows are in the order of the other side and, where that has ties, of this one. Each of two rows that tie has its partners in order; all together are not |

use std::{fmt, sync::Arc};

use datafusion::{
    common::{
        JoinType, Result, Statistics, config::ConfigOptions, internal_err,
        tree_node::TreeNodeRecursion,
    },
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr},
    physical_plan::{
        ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
        ExecutionPlanProperties, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
        filter_pushdown::{
            ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
        },
    },
};

/// What is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// How rows are dealt out: nothing is known of partitions but their number.
    Partitioning,
    /// All that was true of the rows that groups are made of.
    Rows,
    /// The order of the rows, but for its first expressions.
    Order {
        /// How many expressions of the order are still known.
        known: usize,
    },
}

/// Its input, of which something is not told.
#[derive(Debug)]
pub struct MaskExec {
    input: Arc<dyn ExecutionPlan>,
    hidden: Hidden,
    properties: Arc<PlanProperties>,
}

impl MaskExec {
    /// Returns the mask over an input.
    pub fn new(input: Arc<dyn ExecutionPlan>, hidden: Hidden) -> Self {
        let properties = input.properties().as_ref().clone();
        let properties = match hidden {
            Hidden::Partitioning => {
                let count = input.output_partitioning().partition_count();
                properties.with_partitioning(Partitioning::UnknownPartitioning(count))
            }
            Hidden::Rows => {
                let count = input.output_partitioning().partition_count();
                let properties =
                    properties.with_partitioning(Partitioning::UnknownPartitioning(count));
                properties.with_eq_properties(EquivalenceProperties::new(input.schema()))
            }
            Hidden::Order { known } => {
                let order = input.output_ordering().into_iter().flatten().take(known).cloned();
                let mut equivalences = input.equivalence_properties().clone();
                equivalences.clear_orderings();
                equivalences.add_ordering(order);
                properties.with_eq_properties(equivalences)
            }
        };
        Self { input, hidden, properties: Arc::new(properties) }
    }

    /// Returns the side that a hash join of this type looks up, without its order where that would be taken for
    /// the join's.
    pub fn of_build_side(
        build: Arc<dyn ExecutionPlan>,
        join_type: JoinType,
    ) -> Arc<dyn ExecutionPlan> {
        let is_claimed = matches!(join_type, JoinType::Inner | JoinType::Right);
        if !is_claimed || build.output_ordering().is_none() {
            return build;
        }
        Arc::new(Self::new(build, Hidden::Order { known: 0 }))
    }

    /// Returns what is behind the mask.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// Returns what is hidden.
    pub fn hidden(&self) -> Hidden {
        self.hidden
    }
}

impl DisplayAs for MaskExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskExec: {:?}", self.hidden)
    }
}

impl ExecutionPlan for MaskExec {
    fn name(&self) -> &'static str {
        "MaskExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.hidden == Hidden::Partitioning]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.hidden))),
            _ => internal_err!("a mask has one input"),
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
        self.input.execute(partition, context)
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
            _ => internal_err!("a mask has one input"),
        }
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        pushed: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(pushed))
    }
}
