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
//!   taken over: this one never writes again ([`TransactionError::Fenced`]). A leader's first act is a
//!   record of its own, which fences the one before it; before that it deletes nothing.
//! * While it is not known whether a record was written, nothing else is, and its locks are held.
//! * Restart = newest checkpoint + the records after it (`recovery.rs`). Checkpoints are written beside the
//!   commits (`checkpoint.rs`).

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    catalog::{Catalog, CatalogChange, CatalogError},
    client_error::ClientError,
    ids::{CommitSeq, DatabaseId, Pid, TableId, Xid},
    storage::{ManagedStorage, paths::ObjectPath},
    transaction::{
        OpenBlock, Transaction, TransactionError,
        checkpoint::{Checkpoints, RECORDS_MAX},
        cluster::open_cluster,
        garbage::Garbage,
        locks::{HeldLocks, LockInfo, TableLocks},
        record::{self, Cluster, CommitRecord, CommittedTransaction, Kind},
        record_write::{RecordWrite, write_record},
        recovery::{Recovered, delete_unreachable_objects, recover, recover_in_use},
        serializable::Serializable,
    },
};

/// Transactions that may wait for the log at once; the next one waits to be queued.
const QUEUE_LENGTH_MAX: usize = 1024;
/// Transactions in one record.
const GROUP_MAX: usize = 256;

/// How often a leader that starts tries to be the next to write, while the one before it still writes.
const TAKE_OVERS_MAX: usize = 1000;

/// How often garbage is looked through that readers held when it was made.
const GARBAGE_INTERVAL: Duration = Duration::from_secs(1);

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
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Request {
    transaction: Transaction,
    reply: oneshot::Sender<Result<Arc<Catalog>, TransactionError>>,
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
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// Returns what was committed in a root that nobody serves, as of the last record; changes nothing.
    pub async fn read(storage: &ManagedStorage) -> Result<Catalog, TransactionError> {
        let path = ObjectPath::Cluster;
        let _: Cluster =
            record::decode(Kind::Cluster, &path.to_string(), &storage.get(&path).await?)?;
        Ok(recover(storage).await?.catalog)
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

    /// Ends the log in order: what nobody reads any more is deleted. Nothing can be committed afterwards.
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

/// The task that owns the end of the log.
struct Writer {
    storage: Arc<ManagedStorage>,
    head: Arc<RwLock<Arc<Catalog>>>,
    identity: String,
    checkpoints: Checkpoints,
    garbage: Garbage,
    fenced: bool,
    in_doubt: Option<InDoubt>,
}

/// A record of which is not known whether it is written. Nothing follows it until that is known, and who
/// wants to write to its tables waits.
struct InDoubt {
    record: CommitRecord,
    /// The version that it makes.
    after: Catalog,
    locks: Vec<HeldLocks>,
}

impl Writer {
    /// Recovers what was committed, and writes the record after it: no leader before this one commits
    /// anything from then on.
    async fn take_over(
        storage: &Arc<ManagedStorage>,
        records_per_checkpoint: u64,
    ) -> Result<Self, TransactionError> {
        let mut recovered = recover_in_use(storage).await?;
        for _ in 0..TAKE_OVERS_MAX {
            let mut writer = Self::of(storage, &recovered, records_per_checkpoint);
            match writer.write(Vec::new(), recovered.catalog.clone()).await {
                Ok(_) => return Ok(writer),
                // The one before it has committed meanwhile.
                Err(TransactionError::Fenced) => {
                    if !recovered.catch_up(storage, &writer.identity).await? {
                        recovered = recover_in_use(storage).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(TransactionError::Fenced)
    }

    fn of(
        storage: &Arc<ManagedStorage>,
        recovered: &Recovered,
        records_per_checkpoint: u64,
    ) -> Self {
        let head = Arc::new(recovered.catalog.clone());
        let mut garbage = Garbage::default();
        garbage.published(&head);
        let identity = format!("{:032x}", rand::random::<u128>());
        let head = Arc::new(RwLock::new(head));
        let checkpoints = Checkpoints::new(storage, recovered, records_per_checkpoint);
        let storage = Arc::clone(storage);
        Self { storage, head, identity, checkpoints, garbage, fenced: false, in_doubt: None }
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Request>, closing: Arc<Notify>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        loop {
            let received = tokio::select! {
                received = requests.recv_many(&mut group, GROUP_MAX) => received,
                () = closing.notified() => {
                    drop(self.settle().await);
                    self.collect_garbage().await;
                    return;
                }
                // Readers end without a word: what they held is collected a moment later.
                () = tokio::time::sleep(GARBAGE_INTERVAL), if self.has_work() => {
                    // An error is told to the next who commits.
                    drop(self.settle().await);
                    self.collect_garbage().await;
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            self.commit_group(std::mem::take(&mut group)).await;
            self.checkpoints.write_if_due(&self.head()).await;
            self.collect_garbage().await;
        }
    }

    /// Returns whether there is something to do even if nobody commits.
    fn has_work(&self) -> bool {
        !self.garbage.is_empty() || self.in_doubt.is_some()
    }

    async fn commit_group(&mut self, group: Vec<Request>) {
        if let Err(error) = self.settle().await {
            for Request { reply, .. } in group {
                drop(reply.send(Err(self.failure(&error))));
            }
            return;
        }
        let head = self.head();
        let (mut next, seq) = ((*head).clone(), CommitSeq(head.version.0 + 1));
        let (mut accepted, mut transactions) = (Vec::new(), Vec::new());
        for Request { transaction, reply } in group {
            let applied =
                apply_all(&mut next, &transaction.changes).map_err(TransactionError::from);
            // Noted before it is written: should that fail, others are refused that need not be.
            match applied.and_then(|()| transaction.commit_serializable(&head, seq)) {
                Ok(()) => {
                    let Transaction { locks, changes, .. } = transaction;
                    transactions.push(CommittedTransaction { xid: locks.xid(), changes });
                    // Held until the version is published: whoever waits for one reads that version.
                    accepted.push((reply, locks));
                }
                Err(error) => {
                    drop(reply.send(Err(error)));
                    // Its changes, or a part of them, may be in there.
                    next = after(&head, &transactions);
                }
            }
        }
        if accepted.is_empty() {
            return;
        }
        match self.write(transactions, next).await {
            Ok(published) => {
                for (reply, locks) in accepted {
                    drop(locks);
                    drop(reply.send(Ok(Arc::clone(&published))));
                }
            }
            Err(error) => {
                tracing::error!(%error, "commit record not written");
                let (replies, locks): (Vec<_>, Vec<_>) = accepted.into_iter().unzip();
                if let Some(in_doubt) = &mut self.in_doubt {
                    in_doubt.locks = locks;
                }
                for reply in replies {
                    drop(reply.send(Err(self.failure(&error))));
                }
            }
        }
    }

    /// Returns what everybody is told whose transaction a record would have had.
    fn failure(&self, error: &TransactionError) -> TransactionError {
        match error {
            _ if self.fenced => TransactionError::Fenced,
            TransactionError::InDoubt(reason) => TransactionError::InDoubt(reason.clone()),
            error => TransactionError::NotWritten(error.to_string(), error.sqlstate()),
        }
    }

    fn head(&self) -> Arc<Catalog> {
        Arc::clone(&self.head.read())
    }

    /// Writes the next record and publishes the version it makes: `after`.
    async fn write(
        &mut self,
        transactions: Vec<CommittedTransaction>,
        after: Catalog,
    ) -> Result<Arc<Catalog>, TransactionError> {
        if self.fenced {
            return Err(TransactionError::Fenced);
        }
        let seq = CommitSeq(self.head().version.0 + 1);
        let record = CommitRecord { seq, writer: self.identity.clone(), transactions };
        match self.put(&record).await? {
            RecordWrite::Written => Ok(self.publish(&record, after)),
            RecordWrite::Fenced => {
                self.fenced = true;
                Err(TransactionError::Fenced)
            }
            RecordWrite::Failed(error) => Err(error.into()),
            RecordWrite::InDoubt(error) => {
                self.in_doubt = Some(InDoubt { record, after, locks: Vec::new() });
                Err(TransactionError::InDoubt(error.to_string()))
            }
        }
    }

    /// Finds out what became of the record that is in doubt, if one is: writes it once more.
    async fn settle(&mut self) -> Result<(), TransactionError> {
        let Some(in_doubt) = self.in_doubt.take() else { return Ok(()) };
        match self.put(&in_doubt.record).await? {
            RecordWrite::Written => {
                self.publish(&in_doubt.record, in_doubt.after);
                // Not before: whoever waits for one reads that version.
                drop(in_doubt.locks);
                Ok(())
            }
            RecordWrite::Failed(_) => Ok(()),
            RecordWrite::Fenced => {
                self.fenced = true;
                Err(TransactionError::Fenced)
            }
            RecordWrite::InDoubt(error) => {
                self.in_doubt = Some(in_doubt);
                Err(error.into())
            }
        }
    }

    async fn put(&mut self, record: &CommitRecord) -> Result<RecordWrite, TransactionError> {
        let bytes = record::encode(Kind::Commit, record)?;
        let size = bytes.len();
        let written = write_record(&self.storage, record.seq, bytes).await;
        if matches!(written, RecordWrite::Written) {
            self.checkpoints.record_written(size);
        }
        Ok(written)
    }

    /// Publishes the version that a record makes, which is durable.
    fn publish(&mut self, record: &CommitRecord, mut after: Catalog) -> Arc<Catalog> {
        let before = self.head();
        after.version = record.seq;
        let after = Arc::new(after);
        self.note_garbage(&before, &after, record);
        self.garbage.published(&after);
        *self.head.write() = Arc::clone(&after);
        after
    }

    /// Notes the objects that the record made unreachable.
    fn note_garbage(&mut self, before: &Catalog, after: &Catalog, record: &CommitRecord) {
        let changes = || record.transactions.iter().flat_map(|transaction| &transaction.changes);
        let shrunk: BTreeSet<TableId> = changes().filter_map(CatalogChange::shrunk_table).collect();
        // What has been moved out of a table lives on in another.
        let moved_to = changes().filter_map(CatalogChange::target_of_move);
        let moved_to: BTreeSet<TableId> = moved_to.collect();
        for id in shrunk {
            let holders = moved_to.iter().chain([&id]).filter_map(|id| after.table_by_id(*id));
            let live: HashSet<ObjectPath> = holders.flat_map(|table| table.objects()).collect();
            let known = before.table_by_id(id).into_iter().flat_map(|table| table.objects());
            // A transaction may have dropped again what it had written itself.
            let written = changes().filter(|change| change.table() == Some(id));
            let written = written.flat_map(CatalogChange::written_objects);
            let gone: BTreeSet<ObjectPath> =
                known.chain(written).filter(|object| !live.contains(object)).collect();
            for object in gone {
                self.garbage.gone_in(after.version, object);
            }
        }
    }

    async fn collect_garbage(&mut self) {
        for path in self.garbage.collect() {
            if let Err(error) = self.storage.delete(&path).await {
                // Found again at the next start.
                tracing::warn!(%error, %path, "garbage not deleted");
            }
        }
    }
}

/// Makes changes, the last of which may fail.
fn apply_all(catalog: &mut Catalog, changes: &[CatalogChange]) -> Result<(), CatalogError> {
    changes.iter().try_for_each(|change| catalog.apply(change))
}

/// Returns the version after transactions that can be made one after the other.
fn after(head: &Catalog, transactions: &[CommittedTransaction]) -> Catalog {
    let mut after = head.clone();
    for transaction in transactions {
        if let Err(error) = apply_all(&mut after, &transaction.changes) {
            tracing::error!(%error, "a change that was possible before is so no more");
        }
    }
    after
}
