//! Pieces of plans, as the distributed engine hands them over: decoded with the warehouse's functions and the
//! node's own managed storage, run in the node's own memory.

use std::sync::Arc;

use datafusion::{error::Result, execution::SessionState};
use datafusion_distributed::{
    DistributedExt, Worker, WorkerPlanRewriteEvent, WorkerPlanRewriteEventResponse,
    WorkerQueryContext,
};
use engine::{
    execution::{WarehouseCodec, group_in_order},
    plan::Planner,
    storage::ManagedStorage,
};

use crate::{
    append::AppendCodec,
    channels::Channels,
    messages::{QUERY_HEADER, build_id},
    reported::Reporting,
};

/// What the pieces of plans of one node share.
#[derive(Clone)]
pub struct PlanPieces {
    /// Has the warehouse's functions and the node's memory pool.
    pub planner: Planner,
    /// Where runs are.
    pub storage: Arc<ManagedStorage>,
    /// To the nodes that pieces of plans read from.
    pub channels: Channels,
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
        let received = context.builder.config().take().unwrap_or_default();
        let config = received
            .with_extension(Arc::clone(&self.storage))
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
    let plan = group_in_order(event.plan)?;
    Ok(WorkerPlanRewriteEventResponse::new(Reporting::head(plan)))
}
