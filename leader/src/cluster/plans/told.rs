//! A cluster's plan as EXPLAIN tells it: in the operators of one process, with what they counted on all nodes.
//!
//! | in the cluster's plan              | as it is told                                                   |
//! |------------------------------------|-----------------------------------------------------------------|
//! | what every node runs               | once; partition `p` of node `n` is slice `n * width + p`        |
//! | the parts of a scan                | the scan                                                        |
//! | a shuffle, and the exchange below  | the exchange, with what has gone through the network            |
//! | a broadcast, what is gathered      | as they are, above the piece that sends                         |
//!
//! Such a plan is looked at only, never run.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    vec,
};

use compute::{append::SliceAppendExec, counts::PieceCounts};
use datafusion::{
    common::{internal_err, tree_node::TreeNodeRecursion},
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::PhysicalExpr,
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
        metrics::{Metric, MetricsSet},
        replace_children_if_necessary,
        scalar_subquery::ScalarSubqueryExec,
    },
};
use datafusion_distributed::{
    DistributedLeafExec, NetworkBoundaryExt, NetworkShuffleExec, Stage, TaskKey,
};

/// Returns a plan as it is told: as it is, where no compute node has a part in it.
pub(super) fn told(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if plan.is::<ScalarSubqueryExec>() {
        let parts = plan.children().into_iter().map(|part| told(Arc::clone(part)));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        return replace_children_if_necessary(plan, parts);
    }
    let piece = plan.children().into_iter().find_map(|piece| piece.downcast_ref::<LeaderPiece>());
    let Some(piece) = piece else { return Ok(plan) };
    let counted = piece.ran.get().map(counted_by).unwrap_or_default();
    piece.tell(&piece.inner, &mut counted.into_iter())
}

/// The piece of a plan that runs in the leader. It remembers what ran: the distributed engine runs a copy.
#[derive(Debug, Clone)]
pub(super) struct LeaderPiece {
    inner: Arc<dyn ExecutionPlan>,
    ran: Arc<OnceLock<Arc<dyn ExecutionPlan>>>,
    /// What the pieces on nodes have counted.
    counts: Arc<PieceCounts>,
    /// The partitions of a node.
    width: usize,
}

impl LeaderPiece {
    /// Returns the head of a plan whose pieces have `width` partitions on each node.
    pub(super) fn head(
        inner: Arc<dyn ExecutionPlan>,
        counts: Arc<PieceCounts>,
        width: usize,
    ) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { inner, ran: Arc::default(), counts, width })
    }

    /// Tells a node and those below it; `counted` has what they counted, each before those below it.
    fn tell(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        counted: &mut vec::IntoIter<MetricsSet>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let own = counted.next().unwrap_or_default();
        let inner = if let Some(leaf) = node.downcast_ref::<DistributedLeafExec>() {
            Arc::clone(leaf.original())
        } else if let (true, [query]) = (node.is::<SliceAppendExec>(), node.children().as_slice()) {
            // Of a statement that writes the query is told.
            return self.tell(query, counted);
        } else if let Some(taken_along) = node.downcast_ref::<ScalarSubqueryExec>() {
            let piece = self.tell(taken_along.input(), counted);
            // What has brought the values of subqueries has counted too.
            counted.by_ref().take(taken_along.subqueries().len()).for_each(drop);
            return piece;
        } else if let Some(boundary) = node.as_network_boundary() {
            let stage = boundary.input_stage();
            let Some(sender) = stage.local_plan() else {
                return internal_err!("a piece of a plan is not known any more");
            };
            let mut counted = self.counted_on_nodes(stage).into_iter();
            let sender = self.tell(sender, &mut counted)?;
            // What nodes say that they have written are no rows of the query.
            if sender.schema() != node.schema() {
                return Ok(sender);
            }
            match node.is::<NetworkShuffleExec>() {
                true => sender,
                false => replace_children_if_necessary(Arc::clone(node), vec![sender])?,
            }
        } else {
            let children = node.children().into_iter().map(|child| self.tell(child, counted));
            let children = children.collect::<Result<Vec<_>>>()?;
            replace_children_if_necessary(Arc::clone(node), children)?
        };
        Ok(Arc::new(Counted { inner, counted: own }))
    }

    /// Returns what each operator of a piece has counted on all nodes, in the order of [`PieceCounts::of`].
    fn counted_on_nodes(&self, piece: &Stage) -> Vec<MetricsSet> {
        let mut all: Vec<MetricsSet> = Vec::new();
        for node in 0..piece.task_count() {
            let key =
                TaskKey { query_id: piece.query_id(), stage_id: piece.num(), task_number: node };
            let counted = self.counts.of(&key);
            all.resize_with(all.len().max(counted.len()), MetricsSet::new);
            for (all, counted) in all.iter_mut().zip(&counted) {
                counted.iter().for_each(|metric| all.push(self.on_slice(metric, node)));
            }
        }
        all
    }

    /// Returns what was counted for a partition of a node, as of the slice that it is.
    fn on_slice(&self, metric: &Metric, node: usize) -> Arc<Metric> {
        let slice = node * self.width + metric.partition().unwrap_or(0);
        Arc::new(Metric::new(metric.value().clone(), Some(slice)))
    }
}

/// Returns what the operators of a plan have counted, each before those below it.
fn counted_by(plan: &Arc<dyn ExecutionPlan>) -> Vec<MetricsSet> {
    let below = plan.children().into_iter().flat_map(counted_by);
    std::iter::once(plan.metrics().unwrap_or_default()).chain(below).collect()
}

impl DisplayAs for LeaderPiece {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for LeaderPiece {
    fn name(&self) -> &str {
        "LeaderPiece"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.inner]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(inner), true) => Ok(Arc::new(Self { inner, ..(*self).clone() })),
            _ => internal_err!("the leader has one piece of a plan"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        // A plan runs once.
        let _ran_before = self.ran.set(Arc::clone(&self.inner));
        self.inner.execute(partition, context)
    }
}

/// An operator, with what was counted for it elsewhere. It passes for the operator.
#[derive(Debug)]
struct Counted {
    inner: Arc<dyn ExecutionPlan>,
    counted: MetricsSet,
}

impl DisplayAs for Counted {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(t, f)
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.inner.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inner.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inner = replace_children_if_necessary(Arc::clone(&self.inner), children)?;
        Ok(Arc::new(Self { inner, counted: self.counted.clone() }))
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a plan that is told is not run")
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.counted.clone())
    }
}
