//! What operators counted on nodes, on its way to the leader.
//!
//! The distributed engine sends it when a piece of a plan has ended, on the stream that the leader has sent the
//! piece on. It would keep it for a plan all of whose pieces have answered; here it is kept piece by piece, so
//! that one that nobody asked for rows, or whose node is gone, is one that has counted nothing.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::record_batch::RecordBatch,
    error::Result,
    execution::TaskContext,
    physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet},
};
use datafusion_distributed::{
    CoordinatorToWorkerMsg, ExecuteTaskRequest, GetWorkerInfoRequest, GetWorkerInfoResponse,
    SetPlanRequest, TaskKey, WorkerChannel, WorkerToCoordinatorMsg,
};
use futures::{StreamExt, future, stream::BoxStream};
use parking_lot::Mutex;
use tonic::codegen::http::HeaderMap;

/// What the pieces of a statement's plans have counted: an extension of its session.
#[derive(Debug, Default)]
pub struct PieceCounts {
    pieces: Mutex<HashMap<TaskKey, Vec<MetricsSet>>>,
}

impl PieceCounts {
    /// Returns what the operators of a piece have counted, each before those below it; nothing of a piece that
    /// has not ended, or has not answered.
    pub fn of(&self, piece: &TaskKey) -> Vec<MetricsSet> {
        self.pieces.lock().get(piece).cloned().unwrap_or_default()
    }

    fn note(&self, piece: TaskKey, message: &WorkerToCoordinatorMsg) {
        if let WorkerToCoordinatorMsg::TaskMetrics(metrics) = message {
            self.pieces.lock().insert(piece, metrics.pre_order_plan_metrics.clone());
        }
    }
}

/// The requests to a node, of which the answers are noted that say what was counted.
pub(crate) struct CountingChannel(pub(crate) Box<dyn WorkerChannel>);

#[async_trait]
impl WorkerChannel for CountingChannel {
    async fn coordinator_channel(
        &mut self,
        headers: HeaderMap,
        request: SetPlanRequest,
        messages: BoxStream<'static, CoordinatorToWorkerMsg>,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<WorkerToCoordinatorMsg>>> {
        let piece = request.task_key;
        let answers =
            self.0.coordinator_channel(headers, request, messages, metrics, context).await?;
        let Some(counts) = context.session_config().get_extension::<PieceCounts>() else {
            return Ok(answers);
        };
        let noted = answers.filter_map(move |answer| {
            future::ready(match answer {
                Ok(message) => {
                    counts.note(piece, &message);
                    Some(Ok(message))
                }
                // The rows of a lost node are missed by who reads them. If all have come, no more is lost than
                // what was counted.
                Err(error) => {
                    tracing::debug!(%error, ?piece, "what a piece of a plan counted is lost");
                    None
                }
            })
        });
        Ok(noted.boxed())
    }

    async fn execute_task(
        &mut self,
        headers: HeaderMap,
        request: ExecuteTaskRequest,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        self.0.execute_task(headers, request, metrics, context).await
    }

    async fn get_worker_info(
        &mut self,
        request: GetWorkerInfoRequest,
    ) -> Result<GetWorkerInfoResponse> {
        self.0.get_worker_info(request).await
    }
}
