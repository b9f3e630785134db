//! A query that has lost a node before its first row is run again without it.

use std::{sync::Arc, time::Duration};

use compute::{channels::Channels, messages::Node};
use datafusion::{
    error::DataFusionError, execution::SendableRecordBatchStream,
    physical_plan::stream::RecordBatchStreamAdapter,
};
use datafusion_distributed::{ChannelResolver, GetWorkerInfoRequest, grpc::BoxCloneSyncChannel};
use engine::{
    client_error::{ClientError, SqlState},
    error::Error,
    ids::{QueryId, SliceId, TableId, WriteId},
    storage::ManagedStorage,
    system::NodeState,
};
use futures::{StreamExt, future::join_all, stream};
use url::Url;

use super::{
    failed_writes::{FailedWrites, NodeWrite},
    nodes::{Nodes, no_nodes},
};

/// How long a node may take to say that it is there.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// The compute nodes, to whom it matters that one may be gone.
#[derive(Clone)]
pub struct ClusterNodes {
    nodes: Arc<Nodes>,
    channels: Channels,
    failed_writes: FailedWrites,
}

impl ClusterNodes {
    /// Returns the nodes, and the connections to them; what they leave in `storage` of statements that fail is collected.
    pub fn new(nodes: Arc<Nodes>, channels: Channels, storage: Arc<ManagedStorage>) -> Self {
        let failed_writes = FailedWrites::collected(storage, channels.clone());
        Self { nodes, channels, failed_writes }
    }

    /// Says that nodes are about to write rows of a table: what they have written goes with what is returned, unless
    /// that is kept.
    pub(crate) fn write(&self, (id, table): (WriteId, TableId), nodes: Vec<Url>) -> NodeWrite {
        self.failed_writes.watch(id, table, nodes)
    }

    /// Returns what was heard of them last.
    pub fn states(&self) -> Vec<NodeState> {
        self.nodes.states()
    }

    /// Returns those there are, each with its place; the first is another one from statement to statement.
    ///
    /// Errors: there is none (57P03).
    pub(crate) fn in_turn(&self, statement: QueryId) -> Result<Vec<(u32, Url)>, Error> {
        let nodes = self.nodes.now();
        if nodes.is_empty() {
            return Err(no_nodes().into());
        }
        let mut places: Vec<_> = (0..).zip(nodes.iter().map(|node| node.url.clone())).collect();
        places.rotate_left(statement.0 as usize % nodes.len());
        Ok(places)
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> usize {
        self.nodes.now().len()
    }

    /// Returns the node that has a slice, as scans are dealt out; `None` if there is no node.
    pub(crate) fn having(&self, slice: SliceId, slice_count: u32) -> Option<Url> {
        let nodes = self.nodes.now();
        let width = slice_count.div_ceil(u32::try_from(nodes.len()).ok()?.max(1)).max(1);
        nodes.get((slice.0 / width) as usize).map(|node| node.url.clone())
    }

    /// Returns the connection to a node.
    pub(crate) fn channel(&self, url: &Url) -> Result<BoxCloneSyncChannel, Error> {
        self.channels.to(url)
    }

    /// Asks every node whether it is there, and gives up those that do not answer.
    pub async fn look(&self) {
        let nodes = self.nodes.now();
        join_all(nodes.iter().map(|node| self.look_at(node))).await;
    }

    async fn look_at(&self, node: &Node) {
        if !answers(&self.channels, &node.url).await {
            self.nodes.leave(&node.url, "it does not answer");
        }
    }
}

/// Returns whether a node can be reached.
pub(super) async fn answers(channels: &Channels, node: &Url) -> bool {
    let asked = async {
        let mut client = channels.get_worker_client_for_url(node).await?;
        client.get_worker_info(GetWorkerInfoRequest {}).await
    };
    matches!(tokio::time::timeout(ANSWER_TIME_MAX, asked).await, Ok(Ok(_)))
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
