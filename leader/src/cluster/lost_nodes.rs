//! A query that has lost a node before its first row is run again without it.

use std::{sync::Arc, time::Duration};

use compute::{channels::Channels, messages::Node};
use datafusion::{
    error::DataFusionError, execution::SendableRecordBatchStream,
    physical_plan::stream::RecordBatchStreamAdapter,
};
use datafusion_distributed::{ChannelResolver, GetWorkerInfoRequest};
use engine::{
    client_error::{ClientError, SqlState},
    error::Error,
};
use futures::{StreamExt, future::join_all, stream};

use super::nodes::Nodes;

/// How long a node may take to say that it is there.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// The compute nodes, to whom it matters that one may be gone.
#[derive(Clone)]
pub struct ClusterNodes {
    nodes: Arc<Nodes>,
    channels: Channels,
}

impl ClusterNodes {
    /// Returns the nodes, and the connections to them.
    pub fn new(nodes: Arc<Nodes>, channels: Channels) -> Self {
        Self { nodes, channels }
    }

    /// Returns how many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.nodes.now().len()).unwrap_or(u32::MAX)
    }

    /// Asks every node whether it is there, and gives up those that do not answer.
    pub async fn look(&self) {
        let nodes = self.nodes.now();
        join_all(nodes.iter().map(|node| self.look_at(node))).await;
    }

    async fn look_at(&self, node: &Node) {
        let asked = async {
            let mut client = self.channels.get_worker_client_for_url(&node.url).await?;
            client.get_worker_info(GetWorkerInfoRequest {}).await
        };
        if !matches!(tokio::time::timeout(ANSWER_TIME_MAX, asked).await, Ok(Ok(_))) {
            self.nodes.leave(&node.url, "it does not answer");
        }
    }
}

/// Returns the rows once there is one, or none.
pub(crate) async fn begun(
    mut rows: SendableRecordBatchStream,
) -> Result<SendableRecordBatchStream, Error> {
    let schema = rows.schema();
    let first = rows.next().await.transpose()?;
    let rows = stream::iter(first.map(Ok::<_, DataFusionError>)).chain(rows);
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

/// Returns whether a node was lost: without it the statement may succeed.
pub(crate) fn is_loss(error: &Error) -> bool {
    error.sqlstate() == SqlState::SYSTEM_ERROR
}
