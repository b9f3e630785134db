//! Pieces of plans, as the distributed engine hands them over: decoded with the warehouse's functions and the
//! node's own managed storage, run in the node's own memory.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::Schema,
    error::Result,
    execution::SessionState,
    physical_plan::{
        ExecutionPlan, empty::EmptyExec, repartition::RepartitionExec,
        replace_children_if_necessary,
    },
};
use datafusion_distributed::{
    BroadcastExec, DistributedExt, MaybeEncoded, SetPlanRequest, TaskKey, Worker,
    WorkerPlanRewriteEvent, WorkerPlanRewriteEventResponse, WorkerQueryContext,
};
use engine::{
    execution::{WarehouseCodec, as_it_runs},
    plan::Planner,
    storage::ManagedStorage,
};
use futures::{StreamExt, stream};
use tonic::codegen::http::{HeaderName, HeaderValue};
use url::Url;

use crate::{
    append::AppendCodec,
    channels::Channels,
    holdings::PieceCount,
    messages::{QUERY_HEADER, build_id},
    reported::Reporting,
    writes::Writes,
};

/// The header of a piece of a plan that is there to sweep: see [`sweep`].
const SWEEP: &str = "blueshift-sweep";

/// What the pieces of plans of one node share.
#[derive(Clone)]
pub struct PlanPieces {
    /// Has the warehouse's functions and the node's memory pool.
    pub planner: Planner,
    /// Where runs are.
    pub storage: Arc<ManagedStorage>,
    /// To the nodes that pieces of plans read from.
    pub channels: Channels,
    pub(crate) held: PieceCount,
    pub(crate) writes: Writes,
}

impl PlanPieces {
    /// Returns the worker of the distributed engine that runs them.
    pub fn worker(self) -> Worker {
        let runtime = self.planner.task_context().runtime_env();
        let sessions = move |context: WorkerQueryContext| {
            let pieces = self.clone();
            async move { pieces.session(context) }
        };
        Worker::from_session_builder(sessions).with_runtime_env(runtime).with_version(build_id())
    }

    /// Returns the session of one piece: the template's functions and settings, the engine's extensions.
    fn session(&self, mut context: WorkerQueryContext) -> Result<SessionState> {
        let held = (!context.headers.contains_key(SWEEP)).then(|| self.held.hold());
        let received = context.builder.config().take().unwrap_or_default();
        let config = received
            .with_extension(Arc::clone(&self.storage))
            .with_extension(Arc::new(held))
            .with_extension(Arc::new(self.writes.clone()))
            .with_distributed_user_codec(WarehouseCodec)
            .with_distributed_user_codec(AppendCodec)
            .with_distributed_channel_resolver(self.channels.clone())
            .with_distributed_worker_plan_rewrite_handler(as_run_here);
        let query = context.headers.get(QUERY_HEADER).and_then(|name| name.to_str().ok());
        self.planner.state_with(config, query.unwrap_or_default())
    }
}

/// What a plan of one process has from the beginning, and what a piece of one needs besides.
fn as_run_here(event: WorkerPlanRewriteEvent<'_>) -> Result<WorkerPlanRewriteEventResponse> {
    let plan = as_it_runs(event.plan)?;
    Ok(WorkerPlanRewriteEventResponse::new(below_sender(plan, Reporting::head)?))
}

/// Returns a piece of a plan with something put on top of it, but below what sends its rows to several consumers: that is
/// replaced by another one when they ask, if the engine finds it. Else every row would be dealt out twice.
pub fn below_sender(
    piece: Arc<dyn ExecutionPlan>,
    put_on_top: impl FnOnce(Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let sends = piece.is::<RepartitionExec>() || piece.is::<BroadcastExec>();
    let rows = piece.children().first().filter(|_| sends).map(|rows| Arc::clone(rows));
    match rows {
        Some(rows) => replace_children_if_necessary(piece, vec![put_on_top(rows)]),
        None => Ok(put_on_top(piece)),
    }
}

/// Runs a piece of a plan that has no rows.
///
/// The engine lets the last pieces go with the next ones it is given: on a node that is given none any more they
/// would keep their memory.
///
/// Errors: those of any piece; there is none that a node without rows could have.
pub(crate) async fn sweep(worker: &Worker, node: &Url) -> Result<()> {
    let headers = [(HeaderName::from_static(SWEEP), HeaderValue::from_static("t"))];
    let request = SetPlanRequest {
        task_key: TaskKey { query_id: Default::default(), stage_id: 0, task_number: 0 },
        task_count: 1,
        plan: MaybeEncoded::Decoded(Arc::new(EmptyExec::new(Arc::new(Schema::empty())))),
        work_unit_feed_declarations: Vec::new(),
        target_worker_url: node.clone(),
        query_start_time_ns: 0,
    };
    let messages = stream::empty().boxed();
    let mut answers =
        worker.coordinator_channel(headers.into_iter().collect(), request, messages).await?;
    while answers.next().await.transpose()?.is_some() {}
    Ok(())
}
