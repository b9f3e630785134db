//! Where a plan is cut into pieces for the compute nodes.
//!
//! A plan of one process has a partition for each slice. Of a cluster's plan every node runs the same piece over
//! its own slices, and between pieces rows go through the network:
//!
//! | in the plan                          | in its place                                                     |
//! |--------------------------------------|------------------------------------------------------------------|
//! | scan                                 | each node's part of it                                           |
//! | `RepartitionExec` by hash            | the same with a node's share of partitions, and a shuffle        |
//! | the same, to the slices of a table   | a shuffle to the nodes that read those slices                    |
//! | what merges partitions into one      | the same in the leader, over what it gathers from all nodes      |
//! | the build side of a join, collected  | in its node if it is collocated or of DISTSTYLE ALL; if the probe side is on slices, to their nodes; else a broadcast |
//!
//! Invariant: what has one partition in the plan is one task; it is computed in one place. What has more is
//! computed by every node, each its share.
//!
//! Partition `p` of the plan is partition `p % width` of node `p / width`, in every piece: what is collocated in
//! the plan is so in the cluster, and what is gathered has the order that it has in the plan.

use std::sync::Arc;

use compute::append::SliceAppendExec;
use datafusion::{
    common::{JoinSide, JoinType, internal_err},
    error::Result,
    physical_expr::{Distribution, Partitioning, PhysicalExpr},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties,
        coalesce_partitions::CoalescePartitionsExec,
        coop::CooperativeExec,
        joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode},
        repartition::RepartitionExec,
        replace_children_if_necessary,
        sorts::sort::SortExec,
        union::{InterleaveExec, UnionExec},
    },
};
use datafusion_distributed::{
    BroadcastExec, DistributedLeafExec, NetworkBroadcastExec, NetworkCoalesceExec,
    NetworkShuffleExec,
};
use engine::{
    execution::{self, Hidden, MaskExec},
    plan::locus::{DsLabel, distribution_of, follows_probe, route_of},
};

/// Cuts plans for a number of tasks, and of partitions for each.
pub(super) struct Boundaries {
    tasks: usize,
    width: usize,
}

/// A node of the cluster's plan.
struct Placed {
    plan: Arc<dyn ExecutionPlan>,
    /// Whether every node computes its share; else it is one task.
    is_spread: bool,
}

impl Placed {
    fn one(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self { plan, is_spread: false }
    }

    fn spread(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self { plan, is_spread: true }
    }
}

impl Boundaries {
    /// Returns what cuts plans over `partitions` partitions for `tasks` nodes.
    pub(super) fn new(tasks: usize, partitions: usize) -> Self {
        Self { tasks, width: partitions.div_ceil(tasks.max(1)).max(1) }
    }

    /// Returns how many partitions a node has.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Returns the plan of a cluster: one partition, computed in the leader.
    pub(super) fn cut(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let placed = self.place(plan)?;
        let head = self.gathered(placed)?;
        execution::sorted_as_required(match head.output_partitioning().partition_count() {
            1 => head,
            _ => Arc::new(CoalescePartitionsExec::new(head)),
        })
    }

    fn place(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Placed> {
        if node.children().is_empty() {
            return self.leaf(node);
        }
        if node.is::<SliceAppendExec>() {
            return self.append(node);
        }
        if let Some(mask) = node.downcast_ref::<MaskExec>()
            && mask.hidden() == Hidden::Partitioning
        {
            // Nothing is planned any more that could take one exchange for another.
            return self.place(mask.input());
        }
        if let Some(exchange) = node.downcast_ref::<RepartitionExec>() {
            return self.exchange(node, exchange);
        }
        if let Some(join) = Collecting::of(node) {
            return self.collecting_join(node, &join);
        }
        self.inner(node)
    }

    fn leaf(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Placed> {
        if node.output_partitioning().partition_count() == 1 {
            return Ok(Placed::one(execution::kept_here(Arc::clone(node))?));
        }
        match execution::split(node, self.tasks) {
            Some(parts) => {
                Ok(Placed::spread(Arc::new(DistributedLeafExec::try_new(Arc::clone(node), parts)?)))
            }
            None => Ok(Placed::one(Arc::clone(node))),
        }
    }

    fn exchange(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        exchange: &RepartitionExec,
    ) -> Result<Placed> {
        let input = self.place(exchange.input())?;
        match exchange.partitioning() {
            Partitioning::Hash(keys, _) => {
                let shuffled = self.shuffled(input, keys.clone())?;
                // What arrives of several nodes is in no order.
                let order = node.output_ordering().filter(|_| exchange.preserve_order());
                let Some(order) = order.cloned() else { return Ok(shuffled) };
                let sorted = SortExec::new(order, shuffled.plan).with_preserve_partitioning(true);
                Ok(Placed::spread(Arc::new(sorted)))
            }
            // Only to use more threads of one process.
            _ if input.is_spread => Ok(input),
            _ => {
                Ok(Placed::one(replace_children_if_necessary(Arc::clone(node), vec![input.plan])?))
            }
        }
    }

    fn shuffled(&self, input: Placed, mut keys: Vec<Arc<dyn PhysicalExpr>>) -> Result<Placed> {
        let producers = if input.is_spread { self.tasks } else { 1 };
        if let [key] = keys.as_mut_slice()
            && let Some(route) =
                execution::route_among(key, &input.plan.schema(), self.tasks * self.width)?
        {
            *key = route;
        }
        let dealt = RepartitionExec::try_new(input.plan, Partitioning::Hash(keys, self.width))?;
        Ok(Placed::spread(Arc::new(NetworkShuffleExec::try_new(Arc::new(dealt), producers)?)))
    }

    /// Every node writes what it computes.
    fn append(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Placed> {
        let mut is_spread = false;
        let children = node.children().into_iter().map(|child| {
            let child = self.place(child)?;
            is_spread |= child.is_spread;
            Ok(child.plan)
        });
        let children = children.collect::<Result<Vec<_>>>()?;
        Ok(Placed { plan: replace_children_if_necessary(Arc::clone(node), children)?, is_spread })
    }

    /// A node that works partition by partition, or on one.
    fn inner(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Placed> {
        let placed = node.children().into_iter().map(|child| self.place(child));
        let placed = placed.collect::<Result<Vec<_>>>()?;
        let requirements = node.input_distribution_requirements().into_per_child();
        let merges = requirements.iter().any(|r| matches!(r, Distribution::SinglePartition))
            || node.output_partitioning().partition_count() == 1;
        let is_union = node.is::<UnionExec>() || node.is::<InterleaveExec>();
        let is_spread = match is_union || placed.len() > 1 {
            true => placed.iter().all(|child| child.is_spread),
            false => !merges && placed.iter().any(|child| child.is_spread),
        };
        let children = placed.into_iter().map(|child| match is_spread {
            true => Ok(child.plan),
            false => self.gathered(child),
        });
        let children = children.collect::<Result<Vec<_>>>()?;
        Ok(Placed { plan: replace_children_if_necessary(Arc::clone(node), children)?, is_spread })
    }

    /// Brings the partitions of all nodes to one place, in order.
    fn gathered(&self, placed: Placed) -> Result<Arc<dyn ExecutionPlan>> {
        match placed.is_spread {
            true => Ok(Arc::new(NetworkCoalesceExec::try_new(placed.plan, self.tasks, 1)?)),
            false => Ok(placed.plan),
        }
    }

    /// A join of which every partition of the probe side meets all of the build side.
    fn collecting_join(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        join: &Collecting<'_>,
    ) -> Result<Placed> {
        let probe = self.place(join.probe)?;
        if !probe.is_spread {
            let build = self.place(join.build)?;
            let children = vec![self.gathered(build)?, probe.plan];
            return Ok(Placed::one(replace_children_if_necessary(Arc::clone(node), children)?));
        }
        let label = distribution_of(node);
        let build = match (label, collected_from(join.build)) {
            // Both sides of a pair are on one node, whatever the join makes of them.
            (Some(DsLabel::DistNone), Some(rows)) if !join.is_null_aware => {
                let rows = self.place(rows)?;
                if !rows.is_spread {
                    return internal_err!("a collocated join has a build side on one node");
                }
                self.collected(rows)
            }
            (Some(DsLabel::DistAllNone), _) if join.follows_probe => self.copied(join.build)?,
            (_, rows) => {
                let rows = rows.unwrap_or(join.build);
                match route_of(node, JoinSide::Left)?.filter(|_| !join.is_null_aware) {
                    // A row goes to one node instead of all.
                    Some(route) => self.collected(self.shuffled(self.place(rows)?, vec![route])?),
                    None if join.follows_probe => self.broadcast(join.build)?,
                    None => return self.dealt_join(node, join, rows, probe),
                }
            }
        };
        Ok(Placed::spread(replace_children_if_necessary(
            Arc::clone(node),
            vec![build, probe.plan],
        )?))
    }

    /// A join that emits rows of its build side on their own: no node may see one that another sees too.
    fn dealt_join(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        join: &Collecting<'_>,
        build: &Arc<dyn ExecutionPlan>,
        probe: Placed,
    ) -> Result<Placed> {
        let Some(hash) = node.downcast_ref::<HashJoinExec>().filter(|_| !join.is_null_aware) else {
            let build = self.gathered(self.place(join.build)?)?;
            let children = vec![build, self.gathered(probe)?];
            return Ok(Placed::one(replace_children_if_necessary(Arc::clone(node), children)?));
        };
        let build = self.place(build)?;
        if let Some(route) = route_of(node, JoinSide::Right)?.filter(|_| build.is_spread) {
            let children = vec![self.collected(build), self.shuffled(probe, vec![route])?.plan];
            return Ok(Placed::spread(replace_children_if_necessary(Arc::clone(node), children)?));
        }
        let (left, right) = hash.on().iter().cloned().unzip();
        let build = self.shuffled(build, left)?;
        let probe = self.shuffled(probe, right)?;
        let dealt = hash.builder().with_partition_mode(PartitionMode::Partitioned);
        let dealt = dealt.recompute_properties().with_new_children(vec![build.plan, probe.plan])?;
        Ok(Placed::spread(dealt.build_exec()?))
    }

    /// What a node has of a build side.
    fn collected(&self, rows: Placed) -> Arc<dyn ExecutionPlan> {
        Arc::new(CoalescePartitionsExec::new(rows.plan))
    }

    /// All of a build side, on every node.
    fn broadcast(&self, build: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.place(collected_from(build).unwrap_or(build))?;
        let producers = if rows.is_spread { self.tasks } else { 1 };
        let sent = Arc::new(BroadcastExec::new(rows.plan, 1));
        let received = Arc::new(NetworkBroadcastExec::try_new(sent, producers)?);
        Ok(Arc::new(CoalescePartitionsExec::new(received)))
    }

    /// The copy that every node has of tables of DISTSTYLE ALL, and of what is computed of them.
    fn copied(&self, node: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        if node.children().is_empty() {
            let copies = vec![Arc::clone(node); self.tasks];
            return Ok(Arc::new(DistributedLeafExec::try_new(Arc::clone(node), copies)?));
        }
        let children = node.children().into_iter().map(|child| self.copied(child));
        replace_children_if_necessary(Arc::clone(node), children.collect::<Result<Vec<_>>>()?)
    }
}

/// A join whose build side is collected.
struct Collecting<'a> {
    build: &'a Arc<dyn ExecutionPlan>,
    probe: &'a Arc<dyn ExecutionPlan>,
    /// Whether it never emits a row of its build side but beside one of its probe side.
    follows_probe: bool,
    /// NOT IN: whether there is a NULL anywhere matters to every row.
    is_null_aware: bool,
}

impl<'a> Collecting<'a> {
    fn of(node: &'a Arc<dyn ExecutionPlan>) -> Option<Self> {
        let (build, probe, join_type, is_null_aware) =
            if let Some(join) = node.downcast_ref::<HashJoinExec>() {
                if *join.partition_mode() == PartitionMode::Partitioned {
                    return None;
                }
                (join.left(), join.right(), *join.join_type(), join.null_aware)
            } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
                (join.left(), join.right(), *join.join_type(), false)
            } else {
                let join = node.downcast_ref::<CrossJoinExec>()?;
                (join.left(), join.right(), JoinType::Inner, false)
            };
        Some(Self { build, probe, follows_probe: follows_probe(join_type), is_null_aware })
    }
}

/// Returns the rows that a build side is collected from; `None` if they are in one partition anyhow.
fn collected_from(build: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    if let Some(all) = build.downcast_ref::<CoalescePartitionsExec>() {
        // Some of the rows are others than those of another node.
        return all.fetch().is_none().then(|| all.input());
    }
    collected_from(build.downcast_ref::<CooperativeExec>()?.input())
}
