//! The task that writes the log: it groups transactions into records, publishes what is durable, and stops once another
//! leader has taken the root over.
//!
//! ```text
//!  requests ─▶ apply to the head ─▶ record_write ─┬─ written ─▶ new head, replies
//!  nothing to write for a while ─▶ look ──────────┴─ overtaken ─▶ fenced: everybody is told, nothing is written again
//! ```

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior},
};

use crate::{
    catalog::{Catalog, CatalogChange, CatalogError},
    chance::random_name,
    client_error::ClientError,
    ids::{CommitSeq, TableId},
    storage::{ManagedStorage, StorageError, paths::ObjectPath},
    transaction::{
        Transaction, TransactionError,
        checkpoint::Checkpoints,
        garbage::Garbage,
        locks::HeldLocks,
        record::{self, CommitRecord, CommittedTransaction, Kind},
        record_write::{RecordWrite, write_record},
        recovery::{Recovered, recover_in_use},
    },
};

/// Transactions in one record.
pub(super) const GROUP_MAX: usize = 256;

/// How often a leader that starts tries to be the next to write, while the one before it still writes.
const TAKE_OVERS_MAX: usize = 1000;

/// How often garbage is looked through that readers held when it was made.
const GARBAGE_INTERVAL: Duration = Duration::from_secs(1);

/// How often a leader that writes nothing looks whether another one has taken over: so long may it answer with what is
/// out of date.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How long commits wait for such a look at a store that does not answer.
const LOOK_TIME_MAX: Duration = Duration::from_secs(5);

/// A transaction that is to be committed, and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) transaction: Transaction,
    pub(super) reply: oneshot::Sender<Result<Arc<Catalog>, TransactionError>>,
}

/// The task that owns the end of the log.
pub(super) struct Writer {
    storage: Arc<ManagedStorage>,
    pub(super) head: Arc<RwLock<Arc<Catalog>>>,
    identity: String,
    checkpoints: Checkpoints,
    garbage: Garbage,
    fenced: watch::Sender<bool>,
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
    pub(super) async fn take_over(
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
        let identity = format!("{:032x}", random_name());
        let head = Arc::new(RwLock::new(head));
        let checkpoints = Checkpoints::new(storage, recovered, records_per_checkpoint);
        let storage = Arc::clone(storage);
        let fenced = watch::Sender::new(false);
        Self { storage, head, identity, checkpoints, garbage, fenced, in_doubt: None }
    }

    /// Returns where it says that another leader has taken over.
    pub(super) fn fenced(&self) -> watch::Receiver<bool> {
        self.fenced.subscribe()
    }

    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>, closing: Arc<Notify>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK_INTERVAL, LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut seen, mut is_closing) = (self.head().version, false);
        loop {
            let received = tokio::select! {
                // In this order, and not by chance: what is seldom comes first, as there may always be requests.
                biased;
                () = closing.notified() => {
                    // What is in the queue already is committed; nothing more gets in.
                    requests.close();
                    is_closing = true;
                    continue;
                }
                _ = looks.tick() => {
                    let newest = self.head().version;
                    // Who writes finds out by that.
                    if newest == std::mem::replace(&mut seen, newest) {
                        self.look_for_another_leader().await;
                    }
                    continue;
                }
                received = requests.recv_many(&mut group, GROUP_MAX) => received,
                // Readers end without a word: what they held is collected a moment later.
                () = tokio::time::sleep(GARBAGE_INTERVAL), if self.has_work() => {
                    // An error is told to the next who commits.
                    drop(self.settle().await);
                    self.collect_garbage().await;
                    continue;
                }
            };
            if received == 0 {
                break;
            }
            self.commit_group(std::mem::take(&mut group)).await;
            self.checkpoints.write_if_due(&self.head()).await;
            self.collect_garbage().await;
        }
        if is_closing {
            drop(self.settle().await);
            self.collect_garbage().await;
        }
    }

    /// Stops for good if another leader has gone on from here.
    async fn look_for_another_leader(&mut self) {
        // What follows may be our own record; it is settled with the next commit.
        if self.is_fenced() || self.in_doubt.is_some() {
            return;
        }
        match tokio::time::timeout(LOOK_TIME_MAX, self.is_overtaken()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                self.fence();
            }
            Ok(Err(error)) => tracing::warn!(%error, "cannot see whether another leader writes"),
            Err(_) => tracing::warn!("cannot see whether another leader writes: no answer"),
        }
    }

    /// Returns whether a record follows the newest one, or that has been cleaned up: nobody else does either.
    async fn is_overtaken(&self) -> Result<bool, StorageError> {
        let newest = self.head().version;
        let (newest, next) =
            (ObjectPath::Commit(newest), ObjectPath::Commit(CommitSeq(newest.0 + 1)));
        Ok(self.storage.exists(&next).await? || !self.storage.exists(&newest).await?)
    }

    fn is_fenced(&self) -> bool {
        *self.fenced.borrow()
    }

    /// Notes that another leader writes to the log.
    fn fence(&self) -> TransactionError {
        self.fenced.send_replace(true);
        TransactionError::Fenced
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
            _ if self.is_fenced() => TransactionError::Fenced,
            TransactionError::InDoubt(reason) => TransactionError::InDoubt(reason.clone()),
            error => TransactionError::NotWritten(error.to_string(), error.sqlstate()),
        }
    }

    pub(super) fn head(&self) -> Arc<Catalog> {
        Arc::clone(&self.head.read())
    }

    /// Writes the next record and publishes the version it makes: `after`.
    async fn write(
        &mut self,
        transactions: Vec<CommittedTransaction>,
        after: Catalog,
    ) -> Result<Arc<Catalog>, TransactionError> {
        if self.is_fenced() {
            return Err(TransactionError::Fenced);
        }
        let seq = CommitSeq(self.head().version.0 + 1);
        let record = CommitRecord { seq, writer: self.identity.clone(), transactions };
        match self.put(&record).await? {
            RecordWrite::Written => Ok(self.publish(&record, after)),
            RecordWrite::Fenced => Err(self.fence()),
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
            RecordWrite::Fenced => Err(self.fence()),
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
        if self.is_fenced() {
            // The one that has taken over sees to it.
            return;
        }
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
