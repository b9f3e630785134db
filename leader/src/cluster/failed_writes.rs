//! What nodes have written of a statement that failed is deleted while the leader runs.
//!
//! ```text
//!  a write fails ─▶ nodes are told that it is over ─▶ its table is listed, its runs are deleted ─┐
//!                      ▲                                                                          │
//!                      └─ again, less and less often, until nothing of it can come any more ◀─────┘
//! ```
//!
//! Runs are named for the write that makes them ([`WriteId`]), so that those are found too that a node has written
//! which is gone and can name them no more.
//!
//! Invariants:
//!
//! * A write gets here when its statement has failed before a transaction had its runs: nobody can reach them.
//! * It is done with when every node has said that it does not work on it, and what was on its way to the
//!   store then has arrived. A node that is silent for too long is given up: what it writes later is left for the next start.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use compute::{channels::Channels, writes};
use engine::{
    ids::{TableId, WriteId},
    storage::{
        ManagedStorage, StorageError,
        paths::{ObjectPath, ObjectPrefix},
    },
};
use futures::future::join_all;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use url::Url;

use super::lost_nodes::ANSWER_TIME_MAX;

/// How long a request may be on its way to the store of a node that was killed, or has given up.
const SETTLE_TIME: Duration = Duration::from_secs(30);
/// How long a node that does not answer is asked.
const SILENT_TIME_MAX: Duration = Duration::from_secs(600);
/// The time between the first look at a table and the second; it grows by [`INTERVAL_FACTOR`].
const INTERVAL_FIRST: Duration = Duration::from_millis(500);
const INTERVAL_FACTOR: u32 = 4;
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Where writes that have failed go. Cheap to clone; what collects them ends with the last of these.
#[derive(Clone)]
pub(super) struct FailedWrites(mpsc::UnboundedSender<FailedWrite>);

/// What a statement has nodes write: it is deleted when this is dropped, unless it is kept.
pub(crate) struct NodeWrite {
    write: Option<FailedWrite>,
    failed: FailedWrites,
}

/// A write of which nothing is to be left.
struct FailedWrite {
    id: WriteId,
    table: TableId,
    /// Nodes that may still work on it.
    nodes: Vec<Url>,
    since: Instant,
    next_look: Instant,
    interval: Duration,
}

impl FailedWrites {
    /// Begins to collect what such writes leave in the managed storage.
    pub(super) fn collected(storage: Arc<ManagedStorage>, channels: Channels) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let collector = Collector { storage, channels, failed: Vec::new() };
        tokio::spawn(collector.run(received));
        Self(sender)
    }

    /// Returns what stands for a write of a table's rows by these nodes.
    pub(super) fn watch(&self, id: WriteId, table: TableId, nodes: Vec<Url>) -> NodeWrite {
        let (since, interval) = (Instant::now(), INTERVAL_FIRST);
        let write = FailedWrite { id, table, nodes, since, next_look: since, interval };
        NodeWrite { write: Some(write), failed: self.clone() }
    }
}

impl NodeWrite {
    /// Says that the runs belong to somebody else now.
    pub(crate) fn keep(mut self) {
        self.write = None;
    }
}

impl Drop for NodeWrite {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            let now = Instant::now();
            // Without a collector the leader ends: the next one finds what is left.
            let _ended = self.failed.0.send(FailedWrite { since: now, next_look: now, ..write });
        }
    }
}

struct Collector {
    storage: Arc<ManagedStorage>,
    channels: Channels,
    failed: Vec<FailedWrite>,
}

impl Collector {
    async fn run(mut self, mut received: mpsc::UnboundedReceiver<FailedWrite>) {
        loop {
            let next_look = self.failed.iter().map(|write| write.next_look).min();
            let more = match next_look {
                Some(next_look) => timeout_at(next_look, received.recv()).await,
                None => Ok(received.recv().await),
            };
            match more {
                Ok(Some(write)) => self.failed.push(write),
                Ok(None) => return,
                // It is time to look again.
                Err(_) => {}
            }
            while let Ok(write) = received.try_recv() {
                self.failed.push(write);
            }
            self.collect().await;
        }
    }

    /// Looks at all writes whose turn it is; each of their tables is listed once.
    async fn collect(&mut self) {
        let now = Instant::now();
        let all = std::mem::take(&mut self.failed);
        let (mut due, later) = all.into_iter().partition::<Vec<_>, _>(|w| w.next_look <= now);
        self.failed = later;
        // In this order: what a node that is done has written is listed.
        join_all(due.iter_mut().map(|write| write.end(&self.channels))).await;
        let writes: HashSet<WriteId> = due.iter().map(|write| write.id).collect();
        let tables: BTreeSet<TableId> = due.iter().map(|write| write.table).collect();
        let mut unseen = BTreeSet::new();
        for table in tables {
            if let Err(error) = self.delete_runs(table, &writes).await {
                tracing::warn!(%table, %error, "could not delete the runs of a statement that failed");
                unseen.insert(table);
            }
        }
        let left = due.into_iter().filter(|write| !write.is_done(unseen.contains(&write.table)));
        self.failed.extend(left.map(FailedWrite::later));
    }

    async fn delete_runs(
        &self,
        table: TableId,
        writes: &HashSet<WriteId>,
    ) -> Result<(), StorageError> {
        for object in self.storage.list(ObjectPrefix::Table(table)).await? {
            let ObjectPath::Run(run) = object.path else { continue };
            if writes.contains(&run.run.write()) {
                tracing::info!(%run, "deleted: the statement that wrote it has failed");
                self.storage.delete(&object.path).await?;
            }
        }
        Ok(())
    }
}

impl FailedWrite {
    /// Tells the nodes that it is over; those that no longer work on it are done.
    async fn end(&mut self, channels: &Channels) {
        let id = self.id;
        let asked = self.nodes.iter().map(|node| async move {
            let asked = async { writes::end(channels.to(node)?, id).await };
            matches!(timeout(ANSWER_TIME_MAX, asked).await, Ok(Ok(false)))
        });
        let done = join_all(asked).await;
        let mut done = done.into_iter();
        self.nodes.retain(|_| !done.next().unwrap_or(false));
    }

    fn is_done(&self, is_unseen: bool) -> bool {
        let age = self.since.elapsed();
        let is_settled = !is_unseen && self.nodes.is_empty() && age >= SETTLE_TIME;
        if !is_settled && age >= SILENT_TIME_MAX {
            tracing::warn!(table = %self.table, nodes = ?self.nodes, "a failed write is given up");
        }
        is_settled || age >= SILENT_TIME_MAX
    }

    fn later(self) -> Self {
        let interval = (self.interval * INTERVAL_FACTOR).min(INTERVAL_MAX);
        Self { next_look: Instant::now() + self.interval, interval, ..self }
    }
}
