//! What can go wrong between a statement and its durability.

use crate::{
    catalog::CatalogError,
    client_error::{ClientError, SqlState},
    ids::{Pid, TableId, Xid},
    storage::StorageError,
};

/// An error of transactions or of the commit log.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// An object of the log does not say what it should.
    #[error("commit log object \"{path}\" is damaged: {reason}")]
    Damaged {
        /// Its path under the root.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The log lacks a record between two others.
    #[error("commit log record {0} is missing")]
    Missing(u64),
    /// Another leader writes to this root.
    #[error("another leader has taken over this storage root; this one has stopped")]
    Fenced,
    /// The log was written by a newer Blueshift.
    #[error("commit log object \"{path}\" has format version {version}, this build reads {known}")]
    FormatVersion {
        /// Its path under the root.
        path: String,
        /// The version it has.
        version: u32,
        /// The version this build writes.
        known: u32,
    },
    /// The root was created with another number of slices.
    #[error("the storage root has {stored} slices, {asked} were asked for")]
    SliceCount {
        /// Slices in the root.
        stored: u32,
        /// Slices asked for.
        asked: u32,
    },
    /// Two transactions wait for each other.
    #[error("deadlock detected")]
    Deadlock {
        /// The session that would have waited.
        pid: Pid,
        /// For this table.
        table: TableId,
        /// Whose session holds it.
        blocked_by: Pid,
    },
    /// Another transaction deleted a row after this one's snapshot, or all that it did and read would have to come both
    /// before and after what others did: there is no serial order.
    #[error("1023")]
    SerializableIsolation {
        /// The table.
        table: TableId,
        /// The transaction that cannot go on, and those it conflicts with, where they are known.
        cycle: Vec<Xid>,
        /// The session of the first.
        pid: Pid,
    },
    /// The transaction started under another isolation level, and what it has read was not noted.
    #[error("the isolation level of the database was changed by a concurrent transaction")]
    IsolationLevelChanged,
    /// The log is closed.
    #[error("the server is shutting down")]
    Closed,
    /// The record could not be written, and never will be.
    #[error("commit failed: {0}")]
    NotWritten(String, SqlState),
    /// Nobody knows whether the record was written: the store did not answer.
    #[error("it is not known whether the transaction was committed: {0}")]
    InDoubt(String),
    /// The storage root.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A change that the newest version of the catalogue does not allow.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl TransactionError {
    /// Returns whether a commit was refused, so that certainly no record names what the transaction wrote.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Catalog(_)
                | Self::SerializableIsolation { .. }
                | Self::IsolationLevelChanged
                | Self::NotWritten(..)
                | Self::Fenced
        )
    }
}

impl ClientError for TransactionError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Damaged { .. } | Self::Missing(_) => SqlState::DATA_CORRUPTED,
            Self::Fenced | Self::Closed => SqlState::ADMIN_SHUTDOWN,
            Self::FormatVersion { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::SliceCount { .. } => SqlState::INVALID_PARAMETER_VALUE,
            Self::Deadlock { .. } => SqlState::DEADLOCK_DETECTED,
            // Redshift's own, which drivers and retry loops know by its text.
            Self::SerializableIsolation { .. } => SqlState::INTERNAL_ERROR,
            Self::IsolationLevelChanged => SqlState::SERIALIZATION_FAILURE,
            Self::NotWritten(_, sqlstate) => *sqlstate,
            Self::InDoubt(_) => SqlState::TRANSACTION_RESOLUTION_UNKNOWN,
            Self::Storage(error) => error.sqlstate(),
            Self::Catalog(error) => error.sqlstate(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Deadlock { pid, table, blocked_by } => Some(format!(
                "Process {pid} waits for the lock of relation {table}; blocked by process {blocked_by}, \
                 which waits for process {pid}."
            )),
            Self::SerializableIsolation { table, cycle, pid } => {
                let cycle: Vec<String> = cycle.iter().map(ToString::to_string).collect();
                Some(format!(
                    "Serializable isolation violation on table - {table}, transactions forming the \
                     cycle are: {} (pid:{pid})",
                    cycle.join(", ")
                ))
            }
            Self::Catalog(error) => error.detail(),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Deadlock { .. } => {
                Some("Lock the tables in the same order in all transactions.".to_owned())
            }
            Self::IsolationLevelChanged => Some("Run the transaction again.".to_owned()),
            Self::InDoubt(_) => Some(
                "It is committed whole or not at all; look for its rows before you repeat it."
                    .to_owned(),
            ),
            Self::SliceCount { stored, .. } => {
                Some(format!("Start with --slices {stored}, or without --slices."))
            }
            Self::Storage(error) => error.hint(),
            Self::Catalog(error) => error.hint(),
            _ => None,
        }
    }
}
