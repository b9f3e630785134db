//! The commit log: the one place where a change becomes visible and durable.
//!
//! ```text
//!  sessions ─▶ queue ─▶ one task: apply to the head ─▶ log/<seq>.commit, put-if-absent, fsync ─▶ new head
//!                        (everything waiting shares one record: group commit)
//! ```
//!
//! Invariants:
//!
//! * Record n + 1 is written only after record n: the log has no holes.
//! * A record is written with put-if-absent. If it is there already and not ours, another leader has
//!   taken over: this one never writes again ([`TransactionError::Fenced`]). One that has nothing to write looks for that
//!   every few seconds (`log_writer.rs`). A leader's first act is a
//!   record of its own, which fences the one before it; before that it deletes nothing.
//! * While it is not known whether a record was written, nothing else is, and its locks are held.
//! * Restart = newest checkpoint + the records after it (`recovery.rs`). Checkpoints are written beside the
//!   commits (`checkpoint.rs`).

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
};

use crate::{
    catalog::Catalog,
    ids::{DatabaseId, Pid, Xid},
    storage::{ManagedStorage, StorageError, paths::ObjectPath},
    transaction::{
        OpenBlock, Transaction, TransactionError,
        checkpoint::RECORDS_MAX,
        cluster::open_cluster,
        locks::{HeldLocks, LockInfo, TableLocks},
        log_writer::{GROUP_MAX, Request, Writer},
        record::{self, Cluster, Kind},
        recovery::{damaged_objects, delete_unreachable_objects, recover_in_use},
        serializable::Serializable,
    },
};

/// Transactions that may wait for the log at once; the next one waits to be queued.
const QUEUE_LENGTH_MAX: usize = 1024;
/// The log of one storage root.
#[derive(Debug)]
pub struct CommitLog {
    head: Arc<RwLock<Arc<Catalog>>>,
    queue: mpsc::Sender<Request>,
    locks: Arc<TableLocks>,
    serializable: Arc<Serializable>,
    next_xid: AtomicU64,
    next_oid: AtomicU32,
    slice_count: u32,
    /// Transactions of several statements.
    blocks: Arc<AtomicUsize>,
    closing: Arc<Notify>,
    fenced: watch::Receiver<bool>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl CommitLog {
    /// Opens the log of a root, creating the cluster if there is none, and recovers everything that
    /// was committed and nothing else.
    ///
    /// `slice_count` is needed for a new cluster; an existing one keeps its own.
    pub async fn open(
        storage: Arc<ManagedStorage>,
        slice_count: Option<u32>,
        slice_count_default: u32,
    ) -> Result<Arc<Self>, TransactionError> {
        Self::open_with(storage, slice_count, slice_count_default, RECORDS_MAX).await
    }

    /// As [`Self::open`], with a checkpoint after so many records at most.
    pub async fn open_with(
        storage: Arc<ManagedStorage>,
        slice_count: Option<u32>,
        slice_count_default: u32,
        records_per_checkpoint: u64,
    ) -> Result<Arc<Self>, TransactionError> {
        let slice_count = open_cluster(&storage, slice_count, slice_count_default).await?;
        let writer = Writer::take_over(&storage, records_per_checkpoint).await?;
        let head = writer.head();
        delete_unreachable_objects(&storage, &head).await?;
        let next_oid = AtomicU32::new(head.next_oid);
        // Not durable: xids order a process's transactions, and start again above the last record.
        let next_xid = AtomicU64::new(head.version.0 * GROUP_MAX as u64 + 1000);
        let (queue, requests) = mpsc::channel(QUEUE_LENGTH_MAX);
        let head = Arc::clone(&writer.head);
        let closing = Arc::new(Notify::new());
        let fenced = writer.fenced();
        let writer = tokio::spawn(writer.run(requests, Arc::clone(&closing)));
        let locks = Arc::default();
        Ok(Arc::new(Self {
            serializable: Serializable::new(Arc::clone(&head)),
            head,
            queue,
            locks,
            next_xid,
            next_oid,
            slice_count,
            blocks: Arc::default(),
            closing,
            fenced,
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// Returns what was committed in a root that nobody serves, as of the last record; changes nothing.
    pub async fn read(storage: &ManagedStorage) -> Result<Catalog, TransactionError> {
        let path = ObjectPath::Cluster;
        let _: Cluster =
            record::decode(Kind::Cluster, &path.to_string(), &storage.get(&path).await?)?;
        // What was about to be deleted when the last leader ended may still go.
        Ok(recover_in_use(storage).await?.catalog)
    }

    /// Returns what is wrong with the objects of a log, whether a restart needs them or not.
    pub async fn damage(storage: &ManagedStorage) -> Result<Vec<TransactionError>, StorageError> {
        damaged_objects(storage).await
    }

    /// Returns the newest committed version.
    pub fn head(&self) -> Arc<Catalog> {
        Arc::clone(&self.head.read())
    }

    /// Returns the number of slices of the cluster.
    pub fn slice_count(&self) -> u32 {
        self.slice_count
    }

    /// Returns the locks of a transaction to come; it has none yet.
    pub fn new_locks(&self, pid: Pid) -> HeldLocks {
        let xid = Xid(self.next_xid.fetch_add(1, Ordering::Relaxed));
        self.locks.owner(xid, pid)
    }

    /// Starts a transaction of a database that reads the newest committed version.
    ///
    /// A writer takes its table's lock first: then nobody has changed the table since that version.
    pub fn begin(&self, locks: HeldLocks, database: DatabaseId) -> Transaction {
        let (base, tracked) = self.serializable.begin(database);
        Transaction { tracked, ..Transaction::begin(locks, base) }
    }

    /// As [`Self::begin`], of a transaction that changes no row: others need not be before or after it.
    pub fn begin_rewrite(&self, locks: HeldLocks) -> Transaction {
        Transaction::begin(locks, self.head())
    }

    /// As [`Self::begin`], of a transaction of several statements.
    pub fn begin_block(&self, locks: HeldLocks, database: DatabaseId) -> Transaction {
        // Counted before it has a snapshot: who finds none open changes nothing that one has read.
        let block = OpenBlock::new(&self.blocks);
        Transaction { _block: Some(block), ..self.begin(locks, database) }
    }

    /// Returns how many transactions of several statements there are.
    pub fn open_blocks(&self) -> usize {
        self.blocks.load(Ordering::Acquire)
    }

    /// Returns the locks of all transactions, held and waited for.
    pub fn locks(&self) -> Vec<LockInfo> {
        self.locks.list()
    }

    /// Returns an OID that nothing has or had.
    pub fn new_oid(&self) -> u32 {
        self.next_oid.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns once another leader has taken the root over: what this one knows is out of date from then on.
    pub async fn fenced(&self) {
        let mut fenced = self.fenced.clone();
        if fenced.wait_for(|fenced| *fenced).await.is_err() {
            // The log was closed before that.
            std::future::pending::<()>().await;
        }
    }

    /// Returns whether another leader has taken the root over.
    pub fn is_fenced(&self) -> bool {
        *self.fenced.borrow()
    }

    /// Ends the log in order: what waits to be committed is, and what nobody reads any more is deleted. Nothing can be
    /// committed afterwards.
    pub async fn close(&self) {
        self.closing.notify_one();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the task that writes the log failed");
        }
    }

    /// Makes a transaction visible and durable, or neither.
    pub async fn commit(&self, transaction: Transaction) -> Result<Arc<Catalog>, TransactionError> {
        if transaction.is_read_only() {
            let head = self.head();
            // What it read may leave no serial order to those who write.
            transaction.commit_serializable(&transaction.base, head.version)?;
            return Ok(head);
        }
        let (reply, answer) = oneshot::channel();
        let request = Request { transaction, reply };
        self.queue.send(request).await.map_err(|_| TransactionError::Closed)?;
        answer.await.map_err(|_| TransactionError::Closed)?
    }
}

#[cfg(test)]
mod tests {
    use object_store::{memory::InMemory, path::Path};

    use super::*;
    use crate::{
        catalog::{CatalogChange, FIRST_DATABASE, SortKey, Table},
        distribution::DistStyle,
        ids::TableId,
        types::SqlType,
    };

    #[tokio::test]
    async fn commits_that_wait_when_the_log_closes_are_durable_and_later_ones_are_refused() {
        let storage =
            ManagedStorage::with_store(Arc::new(InMemory::new()), Path::from("root"), 1 << 20);
        let log = CommitLog::open(Arc::clone(&storage), Some(1), 1).await.unwrap();
        let create = |id: u32| {
            let known =
                Table::of_columns(&[("x", SqlType::BigInt)], DistStyle::Even, SortKey::Auto);
            let table = Table { id: TableId(id), name: format!("t{id}"), ..known };
            let mut transaction = log.begin(log.new_locks(Pid(1)), FIRST_DATABASE);
            transaction.change(vec![CatalogChange::CreateTable(Arc::new(table))]).unwrap();
            transaction
        };
        // In this order: both are in the queue when the log is told to close.
        let (first, second, ()) =
            tokio::join!(log.commit(create(100_001)), log.commit(create(100_002)), log.close());
        assert_eq!(first.unwrap().version, second.unwrap().version);
        let late = log.commit(create(100_003)).await;
        assert!(matches!(late, Err(TransactionError::Closed)), "{late:?}");
        let durable = CommitLog::read(&storage).await.unwrap();
        let known = |id: u32| durable.table_by_id(TableId(id)).is_some();
        assert_eq!([100_001, 100_002, 100_003].map(known), [true, true, false]);
    }
}
