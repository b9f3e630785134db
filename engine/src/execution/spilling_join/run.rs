//! What the partitions of one execution share.

use std::sync::Arc;

use datafusion::{
    common::{
        Result, internal_err,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{Partitioning, PhysicalExpr},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties,
        joins::{HashJoinExec, PartitionMode},
        metrics::{ExecutionPlanMetricsSet, SpillMetrics},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{
    FutureExt, StreamExt, TryFutureExt, TryStreamExt,
    future::{BoxFuture, Shared},
    stream,
};
use parking_lot::Mutex;

use super::{
    bucket_joins::BucketJoins,
    build::{self, Build},
    meeting::{Meeting, Seat},
    rows::RowsExec,
};

/// A build side that several partitions wait for.
type Building = Shared<BoxFuture<'static, std::result::Result<Arc<Build>, Arc<DataFusionError>>>>;

/// One execution of a join.
#[derive(Debug)]
pub(super) struct Run {
    join: Arc<HashJoinExec>,
    depth: usize,
    metrics: ExecutionPlanMetricsSet,
    /// The one build side of all partitions, and how many have not asked for it yet.
    collected: Mutex<(usize, Option<Building>)>,
    build_rows: Arc<RowsExec>,
    probe_rows: Arc<RowsExec>,
    /// The join of those that are in memory.
    in_memory: Mutex<Option<Arc<HashJoinExec>>>,
    /// Of partitions that make one filter for the probe side together, or none.
    filtering: Option<Arc<Meeting>>,
    buckets: Arc<BucketJoins>,
}

impl Run {
    pub(super) fn new(
        join: Arc<HashJoinExec>,
        depth: usize,
        metrics: ExecutionPlanMetricsSet,
    ) -> Self {
        let partitions = join.right().output_partitioning().partition_count();
        Self {
            collected: Mutex::new((partitions, None)),
            build_rows: Arc::new(RowsExec::of(join.left())),
            probe_rows: Arc::new(RowsExec::of(join.right())),
            in_memory: Mutex::new(None),
            filtering: filters_together(&join).then(|| Arc::new(Meeting::of(partitions))),
            buckets: Arc::new(BucketJoins::new(Arc::clone(&join), depth, metrics.clone())),
            join,
            depth,
            metrics,
        }
    }

    /// Returns the rows of a partition.
    pub(super) fn execute(
        self: &Arc<Self>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let build = self.build(partition, &context)?;
        // Both sides begin at once: they may come from other nodes.
        let probe = self.join.right().execute(partition, Arc::clone(&context))?;
        let filtering = self.filtering.as_ref().map(Meeting::seat);
        let probed = self.buckets.seat();
        let run = Arc::clone(self);
        let rows = async move {
            let build = build.await.map_err(DataFusionError::Shared)?;
            match build.as_ref() {
                Build::InMemory(_) => {
                    drop(probed);
                    run.join_in_memory(partition, build, probe, filtering).await
                }
                Build::OnDisk(buckets) => {
                    drop(filtering);
                    let buckets = buckets.clone();
                    run.buckets.join(partition, buckets, probe, probed, context).await
                }
            }
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.join.schema(), rows)))
    }

    /// Returns the build side of a partition.
    fn build(&self, partition: usize, context: &Arc<TaskContext>) -> Result<Building> {
        let building = |partition| -> Result<Building> {
            let rows = self.join.left().execute(partition, Arc::clone(context))?;
            let metrics = SpillMetrics::new(&self.metrics, partition);
            let join = Arc::clone(&self.join);
            let build = build::collect(join, rows, self.depth, metrics, Arc::clone(context));
            Ok(build.map_ok(Arc::new).map_err(Arc::new).boxed().shared())
        };
        if *self.join.partition_mode() == PartitionMode::Partitioned {
            return building(partition);
        }
        let mut collected = self.collected.lock();
        let build = match collected.1.take() {
            Some(build) => build,
            None => building(self.build_partition(partition))?,
        };
        // The last one takes it with it: nothing is held when the partitions are done.
        collected.0 = collected.0.saturating_sub(1);
        if collected.0 > 0 {
            collected.1 = Some(build.clone());
        }
        Ok(build)
    }

    async fn join_in_memory(
        &self,
        partition: usize,
        build: Arc<Build>,
        probe: SendableRecordBatchStream,
        filtering: Option<Seat>,
    ) -> Result<SendableRecordBatchStream> {
        let may_filter = match filtering {
            Some(seat) => seat.all_take_part().await,
            None => true,
        };
        let Build::InMemory(rows) = build.as_ref() else {
            return internal_err!("the build side is in buckets");
        };
        self.probe_rows.give(partition, probe)?;
        let joined = {
            // Held until the join has them: whoever comes first brings the build side of all.
            let mut in_memory = self.in_memory.lock();
            if let Some(rows) = rows.take(&self.join) {
                self.build_rows.give(self.build_partition(partition), rows)?;
            }
            let join = match &*in_memory {
                Some(join) => Arc::clone(join),
                None => Arc::clone(in_memory.insert(self.join_of_rows(may_filter)?)),
            };
            join.execute(partition, Arc::clone(&rows.context))?
        };
        let schema = joined.schema();
        let joined = joined.inspect(move |_| {
            // Once there is anything there is a table.
            if let Build::InMemory(rows) = build.as_ref() {
                rows.is_built();
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, joined)))
    }

    /// Returns the join of rows that are given to it.
    fn join_of_rows(&self, may_filter: bool) -> Result<Arc<HashJoinExec>> {
        let probe = match may_filter {
            true => Arc::clone(&self.probe_rows),
            // It makes a filter only if it finds who uses it.
            false => Arc::new(self.probe_rows.without_origin()),
        };
        let sides: Vec<Arc<dyn ExecutionPlan>> = vec![Arc::clone(&self.build_rows) as _, probe];
        Ok(Arc::new(self.join.builder().with_new_children(sides)?.build()?))
    }

    fn build_partition(&self, partition: usize) -> usize {
        match self.join.partition_mode() {
            PartitionMode::Partitioned => partition,
            PartitionMode::CollectLeft | PartitionMode::Auto => 0,
        }
    }
}

/// Returns whether the partitions of a join make one filter of their build sides, for which each waits for all: what
/// DataFusion's operator decides when it is executed.
fn filters_together(join: &HashJoinExec) -> bool {
    let sides = (join.left().output_partitioning(), join.right().output_partitioning());
    let is_dealt = match sides {
        (Partitioning::Hash(_, left), Partitioning::Hash(_, right)) => left == right,
        (Partitioning::Range(_), Partitioning::Range(_)) => true,
        _ => false,
    };
    let mut filters = join.dynamic_expressions_produced().into_iter();
    *join.partition_mode() == PartitionMode::Partitioned
        && is_dealt
        && filters.any(|filter| is_used(join.right(), &filter))
}

/// Returns whether anything below uses a filter.
fn is_used(plan: &Arc<dyn ExecutionPlan>, filter: &Arc<dyn PhysicalExpr>) -> bool {
    let Some(id) = filter.expression_id() else { return false };
    let looked = plan.exists(|node| {
        let mut found = false;
        node.apply_expressions(&mut |expr| {
            found |= expr.exists(|expr| Ok(expr.expression_id() == Some(id)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    });
    looked.unwrap_or(false)
}
