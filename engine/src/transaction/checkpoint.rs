//! Checkpoints: the whole catalogue in one object, so that a restart need not read every record.
//!
//! ```text
//!  records   1 2 3 … 300 301 302 … 610 611
//!  checkpoint        └─ writes 300 ─┘ beside the records that follow it
//! ```
//!
//! * A checkpoint is due after [`RECORDS_MIN`] records, once they are together as large as the checkpoint
//!   before: what checkpoints write is a part of what records write, however large the catalogue is. After
//!   [`RECORDS_MAX`] records it is due in any case, which bounds the time of a restart.
//! * It is the state after a record that is durable, and is written while others follow: a commit never waits
//!   for it. One that fails is only a slower restart; the next is tried with the next record.
//! * The checkpoint before it and what follows that stay: a restart that finds this one damaged takes that
//!   (`recovery.rs`).

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    catalog::Catalog,
    chance::off_thread,
    ids::CommitSeq,
    storage::{
        ManagedStorage,
        paths::{ObjectPath, ObjectPrefix},
    },
    transaction::{
        TransactionError,
        record::{self, Kind},
        recovery::Recovered,
    },
};

/// The fewest records between two checkpoints.
const RECORDS_MIN: u64 = 256;
/// The most records that a restart reads, unless somebody wants fewer, but for those that arrive while a checkpoint is being written.
pub(super) const RECORDS_MAX: u64 = 4096;

/// Writes the checkpoints of a log.
#[derive(Debug)]
pub(super) struct Checkpoints {
    storage: Arc<ManagedStorage>,
    /// The most records between two.
    records_max: u64,
    /// The newest one that is durable, and its size.
    newest: CommitSeq,
    newest_bytes: u64,
    /// The size of the records since the last one that was begun.
    record_bytes: u64,
    /// After which version the next one may be due.
    begun: CommitSeq,
    /// The one that is being written.
    writing: Option<JoinHandle<Result<(CommitSeq, u64), TransactionError>>>,
}

impl Checkpoints {
    /// Returns what continues a log.
    pub(super) fn new(
        storage: &Arc<ManagedStorage>,
        recovered: &Recovered,
        records_max: u64,
    ) -> Self {
        Self {
            storage: Arc::clone(storage),
            records_max,
            newest: recovered.checkpoint,
            newest_bytes: recovered.checkpoint_bytes,
            record_bytes: recovered.record_bytes,
            begun: recovered.checkpoint,
            writing: None,
        }
    }

    /// Says that a record of this size is durable.
    pub(super) fn record_written(&mut self, bytes: usize) {
        self.record_bytes += bytes as u64;
    }

    /// Begins to write one, if it is time; returns at once.
    pub(super) async fn write_if_due(&mut self, head: &Arc<Catalog>) {
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        if let Some(finished) = self.writing.take() {
            match finished.await {
                Ok(Ok((newest, bytes))) => (self.newest, self.newest_bytes) = (newest, bytes),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "checkpoint not written");
                    // Still due.
                    (self.begun, self.record_bytes) = (self.newest, self.newest_bytes);
                }
                Err(error) => tracing::error!(%error, "checkpoint task failed"),
            }
        }
        let records = head.version.0 - self.begun.0;
        let is_due = records >= RECORDS_MIN && self.record_bytes >= self.newest_bytes;
        if is_due || records >= self.records_max {
            (self.begun, self.record_bytes) = (head.version, 0);
            let (storage, head) = (Arc::clone(&self.storage), Arc::clone(head));
            self.writing = Some(tokio::spawn(write(storage, head, self.newest)));
        }
    }
}

impl Drop for Checkpoints {
    /// The root is free for another process once its log is closed.
    fn drop(&mut self) {
        if let Some(writing) = &self.writing {
            writing.abort();
        }
    }
}

/// Writes the checkpoint of a version and deletes what `before` made superfluous; returns its size.
async fn write(
    storage: Arc<ManagedStorage>,
    catalog: Arc<Catalog>,
    before: CommitSeq,
) -> Result<(CommitSeq, u64), TransactionError> {
    let version = catalog.version;
    let encode = move || record::encode(Kind::Checkpoint, &*catalog);
    let bytes = match off_thread(encode).await {
        Ok(encoded) => encoded?,
        Err(_) => return Err(TransactionError::Closed),
    };
    let size = bytes.len() as u64;
    storage.put_if_absent(&ObjectPath::Checkpoint(version), bytes).await?;
    for object in storage.list(ObjectPrefix::Log).await? {
        let is_old = match object.path {
            ObjectPath::Commit(seq) => seq <= before,
            ObjectPath::Checkpoint(seq) => seq < before,
            _ => false,
        };
        // One after the other, in their order: a leader that was taken over from relies on it (`record_write.rs`).
        if is_old {
            storage.delete(&object.path).await?;
        }
    }
    Ok((version, size))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use object_store::{memory::InMemory, path::Path};

    use super::*;
    use crate::{
        catalog::{CatalogChange, FIRST_DATABASE, SortKey, Table},
        distribution::DistStyle,
        ids::Pid,
        storage::writer::TableWriter,
        transaction::CommitLog,
        types::SqlType,
    };

    /// Commits a row of one table: a small run.
    async fn insert(log: &CommitLog, storage: &Arc<ManagedStorage>, table: &Table, value: i64) {
        let mut writer = TableWriter::new(Arc::clone(storage), table.layout(1), 1 << 20);
        let values: ArrayRef = Arc::new(Int64Array::from(vec![value]));
        let batch = RecordBatch::try_new(table.arrow_schema(), vec![values]).unwrap();
        let rows = writer.router().route(batch).unwrap();
        writer.write(rows).await.unwrap();
        let runs = writer.finish().await.unwrap();
        assert!(runs.iter().all(|run| run.inline.is_some()));
        let mut transaction = log.begin(log.new_locks(Pid(1)), FIRST_DATABASE);
        transaction.change(vec![CatalogChange::AppendRuns { table: table.id, runs }]).unwrap();
        log.commit(transaction).await.unwrap();
    }

    async fn log_objects(storage: &ManagedStorage) -> (Vec<u64>, Vec<u64>) {
        let (mut records, mut checkpoints) = (Vec::new(), Vec::new());
        for object in storage.list(ObjectPrefix::Log).await.unwrap() {
            match object.path {
                ObjectPath::Commit(seq) => records.push(seq.0),
                ObjectPath::Checkpoint(seq) => checkpoints.push(seq.0),
                other => panic!("{other} in the log"),
            }
        }
        (records, checkpoints)
    }

    #[tokio::test]
    async fn checkpoints_hold_small_runs_and_make_old_records_superfluous() {
        let storage =
            ManagedStorage::with_store(Arc::new(InMemory::new()), Path::from("root"), 1 << 20);
        let log = CommitLog::open(Arc::clone(&storage), Some(1), 1).await.unwrap();
        let columns = [("x", SqlType::BigInt)];
        let table = Table::of_columns(&columns, DistStyle::Even, SortKey::Auto);
        let mut transaction = log.begin(log.new_locks(Pid(1)), FIRST_DATABASE);
        let create = CatalogChange::CreateTable(Arc::new(table.clone()));
        transaction.change(vec![create]).unwrap();
        log.commit(transaction).await.unwrap();
        let mut value = 0;
        // The second one deletes what came before the first.
        let last = loop {
            insert(&log, &storage, &table, value).await;
            value += 1;
            let (records, checkpoints) = log_objects(&storage).await;
            if let [first, last] = checkpoints[..]
                && records[0] > first
            {
                break last;
            }
            assert!(value < 5_000, "{} records, checkpoints {checkpoints:?}", records.len());
            tokio::time::sleep(Duration::from_micros(100)).await;
        };
        let head = log.head();
        assert!(head.version.0 >= last && last >= 2 * RECORDS_MIN);
        let read = CommitLog::read(&storage).await.unwrap();
        assert_eq!(&read, &*head);
        assert_eq!(read.table_by_id(table.id).unwrap().manifest.row_count(), value as u64);
    }
}
