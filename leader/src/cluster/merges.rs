//! Runs are merged by the node that has their slice; all else that is written by the leader is written here.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use compute::jobs::{MergeJob, MergedRuns, NodeAtWork, Report, unexpected};
use datafusion::error::DataFusionError;
use engine::{
    error::Error,
    ids::WriteId,
    storage::{ManagedStorage, PendingObjects, paths::ObjectPath, slice_writer::SliceRuns},
    vacuum::Rewritten,
};
use url::Url;

use super::{
    ComputeNodes, RewriteRequest, WriteRequest, Written,
    lost_nodes::{ClusterNodes, is_loss},
    nodes::no_nodes,
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

    /// A merge that has lost its node is done again by the node that has the slice then: nothing of it is committed.
    ///
    /// Errors: no node is left (57P03); as many were lost as there were when it began (58000).
    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten, Error> {
        let mut losses_left = self.nodes.count();
        loop {
            let slice = request.rewrite.slice;
            let node = self.nodes.having(slice, self.slice_count).ok_or_else(no_nodes)?;
            let merge = Merge::new(self, &request);
            match merge.run(&node).await {
                Err(error) if is_loss(&error) => {
                    self.nodes.look().await;
                    losses_left = losses_left.saturating_sub(1);
                    if losses_left == 0 && self.nodes.count() > 0 {
                        return Err(error);
                    }
                    tracing::info!(%node, table = %request.table.name, %slice, "merged anew without a node");
                }
                merged => return merged,
            }
        }
    }
}

/// One merge by one node.
struct Merge<'a> {
    request: &'a RewriteRequest,
    storage: &'a Arc<ManagedStorage>,
    nodes: &'a ClusterNodes,
    slice_count: u32,
    /// Rows that `SVV_VACUUM_PROGRESS` shows as done by it.
    rows_shown: u64,
}

impl<'a> Merge<'a> {
    fn new<C>(on: &'a MergingNodes<C>, request: &'a RewriteRequest) -> Self {
        let (nodes, storage, slice_count) = (&on.nodes, &on.storage, on.slice_count);
        Self { request, storage, nodes, slice_count, rows_shown: 0 }
    }

    async fn run(mut self, node: &Url) -> Result<Rewritten, Error> {
        let RewriteRequest { table, rewrite, .. } = self.request;
        let Some((table, renamed, places)) = rewrite.apart(table) else {
            let message = "runs to merge that the table does not have";
            return Err(DataFusionError::Internal(message.to_owned()).into());
        };
        let (slice_count, write) = (self.slice_count, WriteId::random());
        let merged_on = self.nodes.write((write, table.id), vec![node.clone()]);
        let job = MergeJob { table, rewrite: renamed, slice_count, write };
        let mut node = NodeAtWork::merge(self.nodes.channel(node)?, job).await?;
        let MergedRuns { runs, origins } = loop {
            match node.report().await? {
                Report::RowsDone(more) => self.show(more),
                Report::Merged(merged) => break merged,
                _ => return Err(unexpected()),
            }
        };
        node.keep().await?;
        self.rows_shown = 0;
        let mut pending = PendingObjects::new(Arc::clone(self.storage));
        pending.extend(runs.iter().map(|run| ObjectPath::Run(self.request.table.run_path(run))));
        merged_on.keep();
        let written = SliceRuns { runs, origins: origins.with_places(&places), pending };
        Ok(Rewritten { rewrite: rewrite.clone(), written })
    }

    fn show(&mut self, more: u64) {
        self.request.rows_done.fetch_add(more, Ordering::Relaxed);
        self.rows_shown += more;
    }
}

impl Drop for Merge<'_> {
    /// What is not done after all is shown no longer.
    fn drop(&mut self) {
        self.request.rows_done.fetch_sub(self.rows_shown, Ordering::Relaxed);
    }
}
