//! Runs are merged by the node that has their slice, as long as there is one; all else that is written by the leader is
//! written here.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use compute::jobs::{MergeJob, MergedRuns, NodeAtWork, Report, unexpected};
use datafusion::error::DataFusionError;
use engine::{
    error::Error,
    storage::{ManagedStorage, PendingObjects, paths::ObjectPath, slice_writer::SliceRuns},
    vacuum::Rewritten,
};
use url::Url;

use super::{
    ComputeNodes, RewriteRequest, WriteRequest, Written,
    lost_nodes::{ClusterNodes, is_loss},
};

/// Compute on nodes.
pub(crate) struct MergingNodes<C> {
    /// What the leader does itself.
    pub(crate) here: C,
    pub(crate) nodes: ClusterNodes,
    pub(crate) storage: Arc<ManagedStorage>,
    pub(crate) slice_count: u32,
}

#[async_trait]
impl<C: ComputeNodes> ComputeNodes for MergingNodes<C> {
    async fn write(&self, request: WriteRequest) -> Result<Written, Error> {
        self.here.write(request).await
    }

    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten, Error> {
        let Some(node) = self.nodes.having(request.rewrite.slice, self.slice_count) else {
            return self.here.rewrite(request).await;
        };
        let merged = self.merged(&node, request).await;
        if merged.as_ref().is_err_and(is_loss) {
            // The next merge is to do without it.
            self.nodes.look().await;
        }
        merged
    }
}

impl<C> MergingNodes<C> {
    async fn merged(&self, node: &Url, request: RewriteRequest) -> Result<Rewritten, Error> {
        let RewriteRequest { table, rewrite, rows_done } = request;
        let Some((table, renamed, places)) = rewrite.apart(&table) else {
            let message = "runs to merge that the table does not have";
            return Err(DataFusionError::Internal(message.to_owned()).into());
        };
        let job = MergeJob { table, rewrite: renamed, slice_count: self.slice_count };
        // A node that is killed deletes nothing: what it has begun is the leader's to delete.
        let mut pending = PendingObjects::new(Arc::clone(&self.storage));
        let mut node = NodeAtWork::merge(self.nodes.channel(node)?, job).await?;
        let MergedRuns { runs, origins } = loop {
            match node.report().await? {
                Report::Writing(run) => pending.extend([ObjectPath::Run(run)]),
                Report::RowsDone(more) => {
                    rows_done.fetch_add(more, Ordering::Relaxed);
                }
                Report::Merged(merged) => break merged,
                _ => return Err(unexpected()),
            }
        };
        node.keep().await?;
        let written = SliceRuns { runs, origins: origins.with_places(&places), pending };
        Ok(Rewritten { rewrite, written })
    }
}
