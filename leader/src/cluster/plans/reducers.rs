//! What a join knows of its keys gets past the network as a semi join.
//!
//! In one process a hash join tells the scans of its probe side which keys it has, and they leave out what has no
//! partner. From piece to piece of a plan nothing is told, so the keys are sent to the scan instead:
//!
//! ```text
//!  Join (k)                       Join (k)
//!   ├─ build side          ──▶     ├─ build side
//!   └─ shuffle                     └─ shuffle
//!       └─ aggregate by k              └─ aggregate by k
//!           └─ scan                        └─ Right Semi Join (k)
//!                                              ├─ broadcast: the keys of the build side
//!                                              └─ scan
//! ```
//!
//! Invariants:
//!
//! * A semi join is put only where DataFusion has put a filter of the join for one process: it knows what may be
//!   left out.
//! * The build side is computed twice. So it is made of scans and their joins, without an exchange, reads no more
//!   rows than the scan does, and is expected to have few of the values that the scan's columns have.
//! * The scan is below no join of slices in its piece: the semi join's own filter waits until all partitions have
//!   been asked for rows, and a slice without a row on the build side never asks.

use std::sync::Arc;

use datafusion::{
    common::{
        JoinType, NullEquality,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    config::ConfigOptions,
    error::Result,
    physical_expr::{PhysicalExpr, expressions::Column},
    physical_optimizer::{PhysicalOptimizerRule, filter_pushdown::FilterPushdown},
    physical_plan::{
        ExecutionPlan, StatisticsArgs, StatisticsContext,
        coalesce_partitions::CoalescePartitionsExec,
        coop::CooperativeExec,
        empty::EmptyExec,
        filter::FilterExec,
        joins::{HashJoinExec, PartitionMode, SortMergeJoinExec},
        projection::{ProjectionExec, ProjectionExpr},
        repartition::RepartitionExec,
        replace_children_if_necessary,
    },
};
use datafusion_distributed::{
    BroadcastExec, DistributedLeafExec, NetworkBoundaryExt, NetworkBroadcastExec,
    NetworkShuffleExec,
};
use engine::{
    execution::{self, MaskExec},
    plan::explain::estimated_rows,
};

/// Of how many values that a scan's column has one is expected to be a key, at most: else a semi join would leave out
/// too little.
const VALUES_FOR_KEY_MIN: f64 = 4.0;
/// A scan of fewer rows is not worth a message to every node.
const SCAN_ROWS_MIN: usize = 50_000;

/// Sends the keys of build sides to the scans that are in other pieces than the join.
pub(super) fn send_keys(
    plan: Arc<dyn ExecutionPlan>,
    tasks: usize,
    options: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_down(|node| {
        let Some(reducer) = Reducer::of(&node, tasks, options) else {
            return Ok(Transformed::no(node));
        };
        let [build, probe] = node.children()[..] else { return Ok(Transformed::no(node)) };
        let Some(probe) = reducer.reduce(probe, Place::Piece)? else {
            return Ok(Transformed::no(node));
        };
        let children = vec![Arc::clone(build), probe];
        Ok(Transformed::yes(replace_children_if_necessary(Arc::clone(&node), children)?))
    })
    .data()
}

/// Where a node is, seen from the join.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the piece of the join: its filter gets there.
    Piece,
    /// In another, where all partitions are asked for rows.
    Beyond,
    /// In another, where some may never be.
    BeyondUnasked,
}

/// The build side of a join, as what its keys can be computed from once more.
struct Reducer<'a> {
    /// The filter that the join has for its probe side.
    filter: u64,
    /// The keys of the build side, over its rows.
    keys: Vec<Arc<dyn PhysicalExpr>>,
    rows: &'a Arc<dyn ExecutionPlan>,
    tasks: usize,
    options: &'a ConfigOptions,
}

impl<'a> Reducer<'a> {
    fn of(
        node: &'a Arc<dyn ExecutionPlan>,
        tasks: usize,
        options: &'a ConfigOptions,
    ) -> Option<Self> {
        let join = node.downcast_ref::<HashJoinExec>()?;
        let filter = join.dynamic_expressions_produced().pop()?;
        let is_plain = !join.null_aware && join.null_equality() == NullEquality::NullEqualsNothing;
        let rows = before_exchange(join.left());
        let keys = join.on().iter().map(|(build, _)| Arc::clone(build)).collect();
        let filter = filter.expression_id()?;
        (is_plain && is_scans(rows)).then_some(Self { filter, keys, rows, tasks, options })
    }

    /// Returns the plan with semi joins over the scans that have the join's filter in vain; `None` if there are
    /// none.
    fn reduce(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        place: Place,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(leaf) = node.downcast_ref::<DistributedLeafExec>() {
            return if place == Place::Beyond { self.over(leaf.original()) } else { Ok(None) };
        }
        let is_of_slices = node.is::<SortMergeJoinExec>()
            || node
                .downcast_ref::<HashJoinExec>()
                .is_some_and(|join| *join.partition_mode() == PartitionMode::Partitioned);
        let place = match place {
            _ if node.as_network_boundary().is_some() => Place::Beyond,
            Place::Beyond if is_of_slices => Place::BeyondUnasked,
            place => place,
        };
        let mut has_any = false;
        let children = node.children().into_iter().map(|child| {
            let reduced = self.reduce(child, place)?;
            has_any |= reduced.is_some();
            Ok(reduced.unwrap_or_else(|| Arc::clone(child)))
        });
        let children = children.collect::<Result<Vec<_>>>()?;
        has_any.then(|| replace_children_if_necessary(Arc::clone(node), children)).transpose()
    }

    /// Returns the semi join over a scan, if that has the filter and enough rows.
    fn over(&self, scan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(columns) = execution::filtered_columns(scan, self.filter) else { return Ok(None) };
        if columns.len() != self.keys.len() || !self.is_worth_it(scan, &columns)? {
            return Ok(None);
        }
        let keys = self.keys.iter().enumerate().map(|(key, expr)| ProjectionExpr {
            expr: Arc::clone(expr),
            alias: format!("key{key}"),
        });
        let keys: Arc<dyn ExecutionPlan> =
            Arc::new(ProjectionExec::try_new(keys, Arc::clone(self.rows))?);
        let on = columns.into_iter().enumerate().map(|(key, column)| {
            let build = Column::new(keys.schema().field(key).name(), key);
            let probe = Column::new(scan.schema().field(column).name(), column);
            (Arc::new(build) as Arc<_>, Arc::new(probe) as Arc<_>)
        });
        // The scan gets the filter of its own join before it is dealt out.
        let planned = HashJoinExec::try_new(
            Arc::new(EmptyExec::new(keys.schema())),
            Arc::clone(scan),
            on.collect(),
            None,
            &JoinType::RightSemi,
            None,
            PartitionMode::CollectLeft,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        let join =
            FilterPushdown::new_post_optimization().optimize(Arc::new(planned), self.options)?;
        let [_, scan] = join.children()[..] else { return Ok(None) };
        let Some(parts) = execution::split(scan, self.tasks) else { return Ok(None) };
        let scan = DistributedLeafExec::try_new(Arc::clone(scan), parts)?;
        let children = vec![self.on_every_node(keys)?, Arc::new(scan) as _];
        let join = replace_children_if_necessary(Arc::clone(&join), children)?;
        Ok(Some(Arc::new(CooperativeExec::new(join))))
    }

    /// Returns whether leaving out rows of a scan is expected to save more than the keys cost.
    fn is_worth_it(&self, scan: &Arc<dyn ExecutionPlan>, columns: &[usize]) -> Result<bool> {
        let statistics = StatisticsContext::new();
        let of = |plan: &Arc<dyn ExecutionPlan>| {
            statistics.compute(plan.as_ref(), &StatisticsArgs::new())
        };
        let scanned = of(scan)?;
        let values = columns.iter().filter_map(|&column| {
            scanned.column_statistics.get(column)?.distinct_count.get_value().copied()
        });
        let rows = scanned.num_rows.get_value().copied().unwrap_or(0);
        let mut read = 0;
        for leaf in leaves(self.rows) {
            read += of(leaf)?.num_rows.get_value().copied().unwrap_or(rows);
        }
        let keys = estimated_rows(&as_planned(self.rows)?);
        let values = values.max().unwrap_or(0) as f64;
        Ok(rows >= SCAN_ROWS_MIN && read <= rows && keys * VALUES_FOR_KEY_MIN <= values)
    }

    /// Returns the keys of all nodes, on each of them.
    fn on_every_node(&self, keys: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let is_copy = |leaf: &Arc<dyn ExecutionPlan>| {
            leaf.downcast_ref::<DistributedLeafExec>().is_some_and(|leaf| {
                leaf.variants().iter().all(|part| Arc::ptr_eq(part, leaf.original()))
            })
        };
        if leaves(&keys).into_iter().all(is_copy) {
            return Ok(Arc::new(CoalescePartitionsExec::new(keys)));
        }
        let sent = Arc::new(BroadcastExec::new(keys, 1));
        let received = NetworkBroadcastExec::try_new(sent, self.tasks)?;
        Ok(Arc::new(CoalescePartitionsExec::new(Arc::new(received))))
    }
}

/// Returns the rows of a build side as they are before they go anywhere.
fn before_exchange(plan: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    let moves = plan.is::<CooperativeExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<BroadcastExec>()
        || plan.is::<NetworkBroadcastExec>()
        || plan.is::<NetworkShuffleExec>()
        || (plan.is::<CoalescePartitionsExec>() && plan.fetch().is_none());
    match plan.children()[..] {
        [input] if moves => before_exchange(input),
        _ => plan,
    }
}

/// Returns a plan as it was before its scans were dealt out.
fn as_planned(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let planned = Arc::clone(plan).transform_up(|node| {
        Ok(match node.downcast_ref::<DistributedLeafExec>() {
            Some(leaf) => Transformed::yes(Arc::clone(leaf.original())),
            None => Transformed::no(node),
        })
    });
    planned.data()
}

/// Returns whether rows come from scans and their joins alone, without an exchange.
fn is_scans(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_one = plan.is::<DistributedLeafExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<MaskExec>()
        || (plan.is::<FilterExec>() && plan.fetch().is_none())
        || (plan.is::<CoalescePartitionsExec>() && plan.fetch().is_none())
        || plan.is::<HashJoinExec>();
    is_one && plan.children().into_iter().all(is_scans)
}

fn leaves(plan: &Arc<dyn ExecutionPlan>) -> Vec<&Arc<dyn ExecutionPlan>> {
    match plan.children() {
        none if none.is_empty() => vec![plan],
        children => children.into_iter().flat_map(leaves).collect(),
    }
}
