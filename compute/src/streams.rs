//! Rows on their way from piece to piece: a stream for each partition, and a bound for what waits in it.
//!
//! ```text
//!  a partition ─▶ 2 batches ─▶ HTTP/2 stream: a window ─▶ buffer: a budget ─▶ who reads the partition
//! ```
//!
//! The distributed engine asks for all partitions of a piece that one node reads with one request, and stops reading the answer
//! when too much of it waits. Who merges the partitions in order waits for one while the others wait for him: the row
//! that he wants is behind what nobody takes. So each partition is asked for with a request of its own. What one of them
//! holds back holds back no other: neither by its budget, nor, as a connection has a window for as many streams as there
//! can be ([`crate::channels`]), on the way.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::{
    arrow::record_batch::RecordBatch, error::Result, execution::TaskContext,
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use datafusion_distributed::{
    CoordinatorToWorkerMsg, ExecuteTaskRequest, GetWorkerInfoRequest, GetWorkerInfoResponse,
    SetPlanRequest, WorkerChannel, WorkerToCoordinatorMsg,
};
use futures::stream::BoxStream;
use tonic::codegen::http::HeaderMap;

/// What waits of an exchange on the node that reads it, in all of its streams: enough to keep the network busy.
const EXCHANGE_BYTES_MAX: usize = 16 << 20;
/// What waits in a stream at least, so that there is a batch while the next one is on its way.
const STREAM_BYTES_MIN: usize = 256 << 10;

/// Returns what may wait in each stream of an exchange that a node reads from so many nodes, `partitions` of each.
pub fn stream_bytes(nodes: usize, partitions: usize) -> usize {
    (EXCHANGE_BYTES_MAX / (nodes * partitions).max(1)).max(STREAM_BYTES_MIN)
}

/// The requests to a node, of which each asks for one partition.
pub(crate) struct PartitionStreams(pub(crate) Box<dyn WorkerChannel>);

#[async_trait]
impl WorkerChannel for PartitionStreams {
    async fn coordinator_channel(
        &mut self,
        headers: HeaderMap,
        request: SetPlanRequest,
        messages: BoxStream<'static, CoordinatorToWorkerMsg>,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<WorkerToCoordinatorMsg>>> {
        self.0.coordinator_channel(headers, request, messages, metrics, context).await
    }

    async fn execute_task(
        &mut self,
        headers: HeaderMap,
        request: ExecuteTaskRequest,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        let partitions = request.target_partition_start..request.target_partition_end;
        let mut streams = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let request = ExecuteTaskRequest {
                task_key: request.task_key,
                target_partition_start: partition,
                target_partition_end: partition + 1,
                producer_head: request.producer_head.clone(),
            };
            let (headers, metrics) = (headers.clone(), metrics.clone());
            streams.extend(self.0.execute_task(headers, request, metrics, context).await?);
        }
        Ok(streams)
    }

    async fn get_worker_info(
        &mut self,
        request: GetWorkerInfoRequest,
    ) -> Result<GetWorkerInfoResponse> {
        self.0.get_worker_info(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_has_its_bytes_whatever_its_streams() {
        assert_eq!(stream_bytes(2, 2), 4 << 20);
        assert_eq!(stream_bytes(8, 4) * 8 * 4, EXCHANGE_BYTES_MAX);
        assert_eq!(stream_bytes(64, 16), STREAM_BYTES_MIN);
    }
}
