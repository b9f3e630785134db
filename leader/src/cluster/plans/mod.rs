//! Plans of a cluster: their pieces run on compute nodes, which exchange rows by the distributed engine.
//!
//! The only module of the leader that names `datafusion_distributed`.

mod boundaries;
mod init_plans;
mod reducers;
mod told;

use std::sync::Arc;

use async_trait::async_trait;
use compute::{
    append::AppendCodec,
    channels::Channels,
    counts::PieceCounts,
    messages::{Node, QUERY_HEADER},
    reported::Reporting,
    streams,
};
use datafusion::{
    catalog::Session,
    common::{
        DFSchema, internal_err,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    error::{DataFusionError, Result},
    execution::{SessionStateBuilder, context::QueryPlanner},
    logical_expr::{EmptyRelation, LogicalPlan},
    physical_plan::{
        ExecutionPlan, displayable, empty::EmptyExec, placeholder_row::PlaceholderRowExec,
    },
    prelude::SessionConfig,
};
use datafusion_distributed::{
    CompressionType, DesiredTaskCountEvent, DesiredTaskCountEventResponse, DistributedExt,
    DistributedLeafExec, RouteTasksEvent, RouteTasksEventResponse, ScaleUpLeafNodeEvent,
    ScaleUpLeafNodeEventResponse, SessionStateBuilderExt, WorkerResolver,
};
use engine::{
    execution::{self, WarehouseCodec},
    plan::Distribution,
    storage::ManagedStorage,
};
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use self::{boundaries::Boundaries, init_plans::InitPlans, told::LeaderPiece};
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

    /// Returns how rows are packed on their way: not at all if they stay on this machine, where that costs more than
    /// it saves.
    fn compression(&self) -> Option<CompressionType> {
        let is_here = |node: &Url| match node.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        (!self.tasks.iter().all(is_here)).then_some(CompressionType::LZ4_FRAME)
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

#[async_trait]
impl Distribution for ClusterPlans {
    fn configure(&self, builder: SessionStateBuilder) -> Result<SessionStateBuilder> {
        let mut builder = builder
            .with_distributed_worker_resolver(QueryNodes::of(&[]))
            .with_distributed_channel_resolver(self.channels.clone())
            .with_distributed_user_codec(WarehouseCodec)
            .with_distributed_user_codec(AppendCodec)
            .with_distributed_desired_task_count_handler(desired_tasks)
            .with_distributed_scale_up_leaf_node_handler(dealt_out)
            .with_distributed_route_tasks_handler(routed)
            .with_distributed_children_isolator_unions(false)?
            .with_distributed_metrics_collection(true)?;
        // The engine's planner is asked for each part of a plan ([`distributed`]), not for all of it.
        let planner = builder.query_planner().take();
        let mut builder = builder.with_distributed_planner();
        *builder.query_planner() = planner;
        let config = builder.config().get_or_insert_default();
        // The engine knows no InitPlans; we run them before it is given the query.
        config.options_mut().optimizer.enable_physical_uncorrelated_scalar_subquery = true;
        Ok(builder)
    }

    fn begin(&self, config: &mut SessionConfig) {
        let nodes = QueryNodes::of(&self.nodes.now());
        let tasks = nodes.tasks.len();
        let width = Boundaries::new(tasks, config.target_partitions()).width();
        let waiting = streams::stream_bytes(tasks, width);
        let set = config.set_distributed_worker_connection_buffer_budget_bytes(waiting);
        debug_assert!(set.is_ok(), "the engine has this setting");
        let set = config.set_distributed_compression(nodes.compression());
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

    async fn place(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (query, init_plans) = InitPlans::taken_out(plan)?;
        let query = place_query(query, init_plans.as_ref(), session).await?;
        let Some(init_plans) = init_plans else { return Ok(query) };
        let mut plans = Vec::new();
        for plan in init_plans.plans() {
            plans.push(self.place(Arc::clone(plan), session).await?);
        }
        Ok(init_plans.before(query, plans))
    }

    fn told(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        told::told(plan)
    }
}

/// Places a query, whose scalar subqueries run before it.
async fn place_query(
    plan: Arc<dyn ExecutionPlan>,
    init_plans: Option<&InitPlans>,
    session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>> {
    let reads = Reads::of(&plan)?;
    if !reads.tables {
        return Ok(plan);
    }
    if reads.leader_only {
        return execution::as_it_runs(execution::kept_here(plan)?);
    }
    let config = session.config();
    let Some(nodes) = config.get_extension::<QueryNodes>().filter(|nodes| !nodes.tasks.is_empty())
    else {
        return Err(no_nodes());
    };
    let boundaries = Boundaries::new(nodes.tasks.len(), config.target_partitions());
    let cut = boundaries.cut(&plan)?;
    let cut = reducers::send_keys(cut, nodes.tasks.len(), config.options())?;
    let cut = match init_plans {
        Some(init_plans) => init_plans.in_pieces(cut)?,
        None => cut,
    };
    tracing::debug!("plan for compute nodes:\n{}", displayable(cut.as_ref()).indent(false));
    let counts = config.get_extension::<PieceCounts>().unwrap_or_default();
    let head = LeaderPiece::head(cut, counts, boundaries.width());
    Ok(Reporting::head(distributed(head, session).await?))
}

/// A plan that is finished, as a planner.
#[derive(Debug)]
struct Finished(Arc<dyn ExecutionPlan>);

#[async_trait]
impl QueryPlanner for Finished {
    async fn create_physical_plan(
        &self,
        _: &LogicalPlan,
        _: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::clone(&self.0))
    }
}

/// Has the distributed engine take over a plan with its boundaries, which it does of planners only.
async fn distributed(
    plan: Arc<dyn ExecutionPlan>,
    session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>> {
    let finished = SessionStateBuilder::new().with_query_planner(Arc::new(Finished(plan)));
    let planner = finished.with_distributed_planner().query_planner().take();
    let Some(planner) = planner else { return internal_err!("the engine has no planner") };
    let no_query = EmptyRelation { produce_one_row: false, schema: Arc::new(DFSchema::empty()) };
    planner.create_physical_plan(&LogicalPlan::EmptyRelation(no_query), session).await
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
