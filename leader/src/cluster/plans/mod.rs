//! Plans of a cluster: their pieces run on compute nodes, which exchange rows by the distributed engine.
//!
//! The only module of the leader that names `datafusion_distributed`.

mod boundaries;
mod reducers;
mod told;

use std::sync::Arc;

use compute::{
    append::AppendCodec,
    channels::Channels,
    counts::PieceCounts,
    messages::{Node, QUERY_HEADER},
    reported::Reporting,
    streams,
};
use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    error::{DataFusionError, Result},
    execution::SessionStateBuilder,
    physical_plan::{
        ExecutionPlan, displayable, empty::EmptyExec, placeholder_row::PlaceholderRowExec,
    },
    prelude::SessionConfig,
};
use datafusion_distributed::{
    DesiredTaskCountEvent, DesiredTaskCountEventResponse, DistributedExec, DistributedExt,
    DistributedLeafExec, RouteTasksEvent, RouteTasksEventResponse, ScaleUpLeafNodeEvent,
    ScaleUpLeafNodeEventResponse, SessionStateBuilderExt, WorkerResolver,
};
use engine::{
    execution::{self, WarehouseCodec},
    plan::Distribution,
    storage::ManagedStorage,
};
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use self::{boundaries::Boundaries, told::LeaderPiece};
use super::nodes::{self, Nodes};

/// A piece of a plan is run by this many nodes at least. The engine takes what two pieces exchange that are one
/// each for one, and would run it in the leader: a single node gets two.
const TASKS_MIN: usize = 2;

/// Plans for the compute nodes there are.
pub struct ClusterPlans {
    nodes: Arc<Nodes>,
    channels: Channels,
    storage: Arc<ManagedStorage>,
}

impl ClusterPlans {
    /// Returns plans for these nodes.
    pub fn new(nodes: Arc<Nodes>, channels: Channels, storage: Arc<ManagedStorage>) -> Self {
        Self { nodes, channels, storage }
    }
}

/// The nodes that one statement uses: one URL for each task of a piece that reads tables.
#[derive(Debug, Clone)]
struct QueryNodes {
    tasks: Arc<[Url]>,
}

impl QueryNodes {
    fn of(nodes: &[Node]) -> Self {
        let count = if nodes.is_empty() { 0 } else { nodes.len().max(TASKS_MIN) };
        Self { tasks: nodes.iter().cycle().take(count).map(|node| node.url.clone()).collect() }
    }
}

/// Returns the nodes that a statement planned with this uses.
pub(super) fn nodes_of(config: &SessionConfig) -> Vec<Url> {
    let nodes = config.get_extension::<QueryNodes>();
    let mut nodes: Vec<Url> = nodes.map(|nodes| nodes.tasks.to_vec()).unwrap_or_default();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

impl WorkerResolver for QueryNodes {
    fn get_urls(&self) -> Result<Vec<Url>, DataFusionError> {
        Ok(self.tasks.to_vec())
    }
}

impl Distribution for ClusterPlans {
    fn configure(&self, builder: SessionStateBuilder) -> Result<SessionStateBuilder> {
        Ok(builder
            .with_distributed_worker_resolver(QueryNodes::of(&[]))
            .with_distributed_channel_resolver(self.channels.clone())
            .with_distributed_user_codec(WarehouseCodec)
            .with_distributed_user_codec(AppendCodec)
            .with_distributed_desired_task_count_handler(desired_tasks)
            .with_distributed_scale_up_leaf_node_handler(dealt_out)
            .with_distributed_route_tasks_handler(routed)
            .with_distributed_children_isolator_unions(false)?
            .with_distributed_metrics_collection(true)?
            .with_distributed_planner())
    }

    fn begin(&self, config: &mut SessionConfig) {
        let nodes = QueryNodes::of(&self.nodes.now());
        let tasks = nodes.tasks.len();
        let width = Boundaries::new(tasks, config.target_partitions()).width();
        let waiting = streams::stream_bytes(tasks, width);
        let set = config.set_distributed_worker_connection_buffer_budget_bytes(waiting);
        debug_assert!(set.is_ok(), "the engine has this setting");
        config.set_extension(Arc::new(nodes.clone()));
        // For what is one place's work, and so the leader's.
        config.set_extension(Arc::clone(&self.storage));
        config.set_extension(Arc::<PieceCounts>::default());
        config.set_distributed_worker_resolver(nodes);
        if let Ok(name) = HeaderValue::try_from(format!("{:032x}", rand::random::<u128>())) {
            let named = HeaderMap::from_iter([(HeaderName::from_static(QUERY_HEADER), name)]);
            let set = config.set_distributed_passthrough_headers(named);
            debug_assert!(set.is_ok(), "the engine has no header of this name");
        }
    }

    fn place(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &SessionConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let reads = Reads::of(&plan)?;
        if !reads.tables {
            return Ok(plan);
        }
        if reads.leader_only {
            return execution::as_it_runs(execution::kept_here(plan)?);
        }
        match config.get_extension::<QueryNodes>() {
            Some(nodes) if !nodes.tasks.is_empty() => {
                let boundaries = Boundaries::new(nodes.tasks.len(), config.target_partitions());
                let cut = boundaries.cut(&plan)?;
                let cut = reducers::send_keys(cut, nodes.tasks.len(), config.options())?;
                tracing::debug!(
                    "plan for compute nodes:\n{}",
                    displayable(cut.as_ref()).indent(false)
                );
                let counts = config.get_extension::<PieceCounts>().unwrap_or_default();
                Ok(LeaderPiece::head(cut, counts, boundaries.width()))
            }
            _ => Err(no_nodes()),
        }
    }

    fn executable(&self, plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        match plan.is::<DistributedExec>() {
            true => Reporting::head(plan),
            false => plan,
        }
    }

    fn told(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(told::told(&plan)?.unwrap_or(plan))
    }
}

fn no_nodes() -> DataFusionError {
    DataFusionError::External(Box::new(nodes::no_nodes()))
}

/// What a plan reads.
#[derive(Default)]
struct Reads {
    tables: bool,
    /// What only the leader has: system tables, and what a recursive query has made so far.
    leader_only: bool,
}

impl Reads {
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let mut reads = Self::default();
        plan.apply(|node| {
            if node.children().is_empty() {
                let is_table = execution::is_scan(node);
                reads.tables |= is_table;
                let is_nothing = node.is::<EmptyExec>() || node.is::<PlaceholderRowExec>();
                reads.leader_only |= !is_table && !is_nothing;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(reads)
    }
}

fn desired_tasks(
    event: DesiredTaskCountEvent<'_>,
) -> Option<Result<DesiredTaskCountEventResponse>> {
    if !execution::is_scan(event.plan) {
        return None;
    }
    let nodes = event.session_config.get_extension::<QueryNodes>()?;
    Some(Ok(match execution::is_kept_here(event.plan) {
        true => DesiredTaskCountEventResponse::maximum(1),
        false => DesiredTaskCountEventResponse::desired(nodes.tasks.len()),
    }))
}

fn dealt_out(event: ScaleUpLeafNodeEvent<'_>) -> Option<Result<ScaleUpLeafNodeEventResponse>> {
    let parts = execution::split(event.plan, event.task_count)?;
    let leaf = DistributedLeafExec::try_new(Arc::clone(event.plan), parts);
    Some(leaf.map(|leaf| ScaleUpLeafNodeEventResponse::new(Arc::new(leaf))))
}

/// Task `t` runs on node `t`, whatever it reads: pieces that read the same slices meet on one node.
fn routed(event: RouteTasksEvent<'_>) -> Option<Result<RouteTasksEventResponse>> {
    let nodes = event.task_ctx.session_config().get_extension::<QueryNodes>()?;
    if nodes.tasks.is_empty() {
        return Some(Err(no_nodes()));
    }
    let urls = nodes.tasks.iter().cycle().take(event.task_count).cloned();
    Some(Ok(RouteTasksEventResponse::new(urls.collect())))
}
