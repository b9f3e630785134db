//! A COPY is done by the nodes: each reads its share of the files and writes their rows.
//!
//! In two phases: when all nodes have written, each is told to keep that; what they say to keep is committed.

use compute::{
    jobs::{CopyJob, NodeAtWork, Report, unexpected},
    load::Loaded,
};
use engine::{
    copy::{CopyError, LoadLog},
    error::Error,
    ids::{TableId, WriteId},
};
use futures::future::try_join_all;
use url::Url;

use super::{
    Written,
    lost_nodes::{ClusterNodes, is_loss},
};

/// A COPY, as its nodes need to know it.
pub(crate) struct Copy<'a> {
    pub(crate) nodes: &'a ClusterNodes,
    /// What is written: runs of which table are named for what; nothing, if rows are only counted.
    pub(crate) write: Option<(WriteId, TableId)>,
    pub(crate) table_name: &'a str,
    /// Learns of the rows that nodes refuse.
    pub(crate) log: &'a LoadLog,
}

impl Copy<'_> {
    /// Has each node do its job.
    ///
    /// Contract: on an error, or when the future is dropped, nothing that was written is kept.
    /// Errors: those of the nodes; more rows refused by all of them together than MAXERROR allows; 58000 when one is
    /// lost.
    pub(crate) async fn run(&self, jobs: Vec<(Url, CopyJob)>) -> Result<Written, Error> {
        let written = self.written(jobs).await;
        if written.as_ref().is_err_and(is_loss) {
            // The next statement is to do without it.
            self.nodes.look().await;
        }
        Ok(Written::from(written?))
    }

    async fn written(&self, jobs: Vec<(Url, CopyJob)>) -> Result<Loaded, Error> {
        // A node that is killed deletes nothing.
        let nodes = jobs.iter().map(|(node, _)| node.clone()).collect();
        let write = self.write.map(|write| self.nodes.write(write, nodes));
        let working = jobs.into_iter().map(|(node, job)| self.share(node, job));
        let mut loaded = Loaded::default();
        let mut nodes = Vec::new();
        for (node, share) in try_join_all(working).await? {
            loaded.add(share);
            nodes.push(node.keep());
        }
        try_join_all(nodes).await?;
        if let Some(write) = write {
            write.keep();
        }
        Ok(loaded)
    }

    /// Follows a node until it has written its share.
    async fn share(&self, node: Url, job: CopyJob) -> Result<(NodeAtWork, Loaded), Error> {
        let mut node = NodeAtWork::copy(self.nodes.channel(&node)?, job).await?;
        loop {
            match node.report().await? {
                Report::Log(report) => {
                    self.log.absorb(report);
                    if self.log.too_many() {
                        return Err(CopyError::too_many(self.table_name).into());
                    }
                }
                Report::Written(loaded) => return Ok((node, loaded)),
                _ => return Err(unexpected()),
            }
        }
    }
}
