//! Restart: what was committed, from the newest checkpoint that is whole and the records after it.
//!
//! Records are fetched side by side, since each is an object of its own, and applied in their order.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    catalog::Catalog,
    ids::CommitSeq,
    storage::{
        ManagedStorage, StorageError,
        paths::{ObjectPath, ObjectPrefix},
    },
    transaction::{
        TransactionError,
        record::{self, CommitRecord, Kind},
    },
};

/// Records that are fetched at a time.
const REQUESTS: usize = 32;

/// How often a log is read of which something has gone meanwhile.
const ATTEMPTS: usize = 5;

/// What a log says.
#[derive(Debug)]
pub(super) struct Recovered {
    /// The state after the last record.
    pub(super) catalog: Catalog,
    /// The checkpoint it starts from; 0 if there is none.
    pub(super) checkpoint: CommitSeq,
    /// Its size.
    pub(super) checkpoint_bytes: u64,
    /// The size of the records after it.
    pub(super) record_bytes: u64,
}

/// Reads the log of a root.
///
/// A checkpoint that is damaged is passed over: the one before it and the records since are there yet
/// (`checkpoint.rs`).
async fn recover(storage: &ManagedStorage) -> Result<Recovered, TransactionError> {
    let (mut records, mut checkpoints) = (Vec::new(), Vec::new());
    for object in storage.list(ObjectPrefix::Log).await? {
        match object.path {
            ObjectPath::Commit(seq) => records.push((seq, object.bytes)),
            ObjectPath::Checkpoint(seq) => checkpoints.push((seq, object.bytes)),
            _ => {}
        }
    }
    checkpoints.sort_unstable();
    let mut damage = None;
    while let Some(newest) = checkpoints.pop() {
        match read_checkpoint(storage, newest).await {
            Ok(mut recovered) => {
                replay_records(storage, &mut recovered, records).await?;
                return Ok(recovered);
            }
            Err(error) if is_damage(&error) => {
                tracing::error!(%error, "checkpoint passed over");
                damage.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    let mut recovered = Recovered {
        catalog: Catalog::default(),
        checkpoint: CommitSeq(0),
        checkpoint_bytes: 0,
        record_bytes: 0,
    };
    match (replay_records(storage, &mut recovered, records).await, damage) {
        (Ok(()), _) => Ok(recovered),
        // The records that the checkpoint made superfluous are gone.
        (Err(TransactionError::Missing(_)), Some(damage)) => Err(damage),
        (Err(error), _) => Err(error),
    }
}

fn is_damage(error: &TransactionError) -> bool {
    // A flipped bit may make another version of it.
    matches!(error, TransactionError::Damaged { .. } | TransactionError::FormatVersion { .. })
}

async fn read_checkpoint(
    storage: &ManagedStorage,
    (checkpoint, checkpoint_bytes): (CommitSeq, u64),
) -> Result<Recovered, TransactionError> {
    let path = ObjectPath::Checkpoint(checkpoint);
    let bytes = storage.get(&path).await?;
    let catalog: Catalog = record::decode(Kind::Checkpoint, &path.to_string(), &bytes)?;
    let catalog = catalog.upgraded()?;
    Ok(Recovered { catalog, checkpoint, checkpoint_bytes, record_bytes: 0 })
}

/// Does what the records say that follow.
async fn replay_records(
    storage: &ManagedStorage,
    recovered: &mut Recovered,
    mut records: Vec<(CommitSeq, u64)>,
) -> Result<(), TransactionError> {
    let catalog = &mut recovered.catalog;
    records.retain(|(seq, _)| *seq > catalog.version);
    records.sort_unstable();
    recovered.record_bytes = records.iter().map(|(_, bytes)| bytes).sum();
    let requests = records.into_iter().map(|(seq, _)| async move {
        Ok::<_, TransactionError>((seq, storage.get(&ObjectPath::Commit(seq)).await?))
    });
    let mut objects = stream::iter(requests).buffered(REQUESTS);
    while let Some((seq, bytes)) = objects.try_next().await? {
        if seq.0 != catalog.version.0 + 1 {
            return Err(TransactionError::Missing(catalog.version.0 + 1));
        }
        let path = ObjectPath::Commit(seq).to_string();
        replay(catalog, &record::decode(Kind::Commit, &path, &bytes)?, &path)?;
    }
    Ok(())
}

/// Reads every object of a log, those included that a restart would not; returns what is wrong with them.
pub(super) async fn damaged_objects(
    storage: &ManagedStorage,
) -> Result<Vec<TransactionError>, StorageError> {
    let mut damaged = Vec::new();
    for object in storage.list(ObjectPrefix::Log).await? {
        let name = object.path.to_string();
        let bytes = match storage.get(&object.path).await {
            // Collected since it was listed: what a restart needs, a restart misses.
            Err(StorageError::NotFound { .. }) => continue,
            read => read?,
        };
        let decoded = match object.path {
            ObjectPath::Commit(_) => {
                record::decode::<CommitRecord>(Kind::Commit, &name, &bytes).map(drop)
            }
            ObjectPath::Checkpoint(_) => {
                record::decode::<Catalog>(Kind::Checkpoint, &name, &bytes).map(drop)
            }
            _ => Ok(()),
        };
        damaged.extend(decoded.err());
    }
    Ok(damaged)
}

/// As [`recover`], of a log that another leader may still write: what was listed may be deleted by the time it
/// is read.
pub(super) async fn recover_in_use(
    storage: &ManagedStorage,
) -> Result<Recovered, TransactionError> {
    for _ in 1..ATTEMPTS {
        match recover(storage).await {
            Err(
                TransactionError::Storage(StorageError::NotFound { .. })
                | TransactionError::Missing(_),
            ) => {}
            recovered => return recovered,
        }
    }
    recover(storage).await
}

impl Recovered {
    /// Reads the records that follow, up to the last one, and does what they say: one request for each, so that
    /// whoever writes them is caught up with.
    ///
    /// `false` if the log has gone on from here and has been cleaned up: then what follows is gone, or is a
    /// record of `writer`, whose place was free.
    pub(super) async fn catch_up(
        &mut self,
        storage: &ManagedStorage,
        writer: &str,
    ) -> Result<bool, TransactionError> {
        let from = self.catalog.version;
        loop {
            let path = ObjectPath::Commit(CommitSeq(self.catalog.version.0 + 1));
            let bytes = match storage.get(&path).await {
                Err(StorageError::NotFound { .. }) => return Ok(self.catalog.version > from),
                read => read?,
            };
            let path = path.to_string();
            let record: CommitRecord = record::decode(Kind::Commit, &path, &bytes)?;
            if record.writer == writer {
                return Ok(false);
            }
            self.record_bytes += bytes.len() as u64;
            replay(&mut self.catalog, &record, &path)?;
        }
    }
}

fn replay(
    catalog: &mut Catalog,
    record: &CommitRecord,
    path: &str,
) -> Result<(), TransactionError> {
    for change in record.transactions.iter().flat_map(|transaction| &transaction.changes) {
        catalog.apply(change).map_err(|error| TransactionError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    catalog.version = record.seq;
    Ok(())
}

/// Deletes what a process that was killed left behind: runs and delete vectors that no record names.
///
/// Safe only here, before the first statement: no transaction of this process is writing, and those of
/// a leader before this one can no longer commit.
pub(super) async fn delete_unreachable_objects(
    storage: &ManagedStorage,
    catalog: &Catalog,
) -> Result<(), TransactionError> {
    let live: HashSet<ObjectPath> =
        catalog.all_tables().flat_map(|table| table.objects()).collect();
    for object in storage.list(ObjectPrefix::Tables).await? {
        if !live.contains(&object.path) {
            storage.delete(&object.path).await?;
        }
    }
    Ok(())
}
