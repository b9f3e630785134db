//! How a record gets to its place in the log, on a store that loses requests and replies, and that another
//! leader may write to as well.
//!
//! ```text
//!  put-if-absent ─┬─ written ──────────────────────────────┬─▶ is the record before it still there? ─▶ Written
//!                 └─ there already, or an error ─▶ read it ─┴─ ours      └─ no ─▶ Fenced
//!                                                     ├─ another's ─▶ Fenced
//!                                                     └─ neither there nor refused ─▶ InDoubt
//! ```
//!
//! Why the record before it is looked at: a leader that takes over writes the next record, so that this one's
//! put fails; but after some checkpoints it deletes that record, and the place is free again. Records are
//! deleted in their order: then the one before has gone too.

use bytes::Bytes;

use crate::{
    ids::CommitSeq,
    storage::{
        ManagedStorage, StorageError,
        paths::{ObjectPath, ObjectPrefix},
    },
};

/// How the writing of a record ended.
#[derive(Debug)]
pub(super) enum RecordWrite {
    /// It is durable, and part of the log.
    Written,
    /// Another leader writes to the log.
    Fenced,
    /// It is not there, and never will be.
    Failed(StorageError),
    /// It may be there, or come to be there yet.
    InDoubt(StorageError),
}

/// Writes a record, or finds that it has been written: to ask again for the same bytes does no harm.
pub(super) async fn write_record(
    storage: &ManagedStorage,
    seq: CommitSeq,
    bytes: Bytes,
) -> RecordWrite {
    let path = ObjectPath::Commit(seq);
    let put = storage.put_if_absent(&path, bytes.clone()).await;
    if !matches!(put, Ok(true)) {
        match (put, storage.get(&path).await) {
            // After a lost reply our own record is there already.
            (_, Ok(there)) if there == bytes => {}
            (_, Ok(_)) => return RecordWrite::Fenced,
            // A folder has no requests that are late: what has failed is over.
            (Err(error), Err(StorageError::NotFound { .. })) if storage.is_locked() => {
                return RecordWrite::Failed(error);
            }
            (Err(error), Err(_)) | (Ok(_), Err(error)) => return RecordWrite::InDoubt(error),
        }
    }
    match is_overtaken(storage, seq).await {
        Ok(false) => RecordWrite::Written,
        Ok(true) => RecordWrite::Fenced,
        Err(error) => RecordWrite::InDoubt(error),
    }
}

/// Returns whether another leader has gone on without this record.
async fn is_overtaken(storage: &ManagedStorage, seq: CommitSeq) -> Result<bool, StorageError> {
    if storage.is_locked() {
        return Ok(false);
    }
    if seq.0 > 1 {
        return Ok(!storage.exists(&ObjectPath::Commit(CommitSeq(seq.0 - 1))).await?);
    }
    // Nothing comes before the first record; then nothing may have followed it.
    let log = storage.list(ObjectPrefix::Log).await?;
    Ok(log.iter().any(|object| object.path != ObjectPath::Commit(seq)))
}
