//! What can go wrong with the store.

use std::io;

use crate::{
    client_error::{ClientError, SqlState},
    ids::{RunId, SliceId},
};

/// An error of managed storage.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum StorageError {
    #[error("could not write \"{path}\": no space left on device")]
    DiskFull { path: String },
    #[error("could not access \"{path}\": {message}")]
    Io { path: String, message: String },
    #[error("object \"{path}\" is missing from managed storage")]
    NotFound { path: String },
    #[error("object \"{path}\" of managed storage is damaged: {message}")]
    Corrupt { path: String, message: String },
    #[error("run {run} of table \"{table}\", on slice {slice}, is damaged: {damage}")]
    DamagedRun { table: String, slice: SliceId, run: RunId, damage: String },
    #[error("storage root \"{root}\" is in use by another process")]
    Locked { root: String },
    #[error("invalid storage root \"{root}\": {message}")]
    InvalidRoot { root: String, message: String },
    #[error("rows do not match the table \"{table}\": {message}")]
    RowsMismatch { table: String, message: String },
    #[error("could not write a run of table {table}: {message}")]
    WriteRun { table: String, message: String },
    #[error(transparent)]
    Distribution(#[from] crate::distribution::DistributionError),
}

impl StorageError {
    /// Returns the error for an object store's own, which hides the system's error in its sources.
    pub fn from_store(path: &str, error: &object_store::Error) -> Self {
        let path = path.to_owned();
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::NotFound { path };
        }
        if is_disk_full(error) {
            return Self::DiskFull { path };
        }
        Self::Io { path, message: error.to_string() }
    }

    /// Returns the error for a failure of the operating system.
    pub fn from_io(path: &str, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, message: error.to_string() },
        }
    }

    /// Returns the error for a run that could not be written: a full disk is told apart.
    pub(crate) fn write_run(
        table: impl ToString,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        if is_disk_full(error) {
            return Self::DiskFull { path: table.to_string() };
        }
        Self::WriteRun { table: table.to_string(), message: error.to_string() }
    }
}

/// Returns whether the system said "no space left", however deep in `error`.
///
/// Errors that wrap others as text only (Vortex's) are recognised by the system's own words.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        {
            return true;
        }
        next = error.source();
    }
    let text = error.to_string();
    text.contains("No space left on device") || text.contains("Disk quota exceeded")
}

impl ClientError for StorageError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::DiskFull { .. } => SqlState::DISK_FULL,
            Self::Io { .. } | Self::WriteRun { .. } => SqlState::IO_ERROR,
            Self::NotFound { .. } | Self::Corrupt { .. } | Self::DamagedRun { .. } => {
                SqlState::DATA_CORRUPTED
            }
            Self::Locked { .. } => SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::InvalidRoot { .. } => SqlState::INVALID_PARAMETER_VALUE,
            Self::RowsMismatch { .. } => SqlState::INTERNAL_ERROR,
            Self::Distribution(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DiskFull { .. } => {
                Some("Free space on the device that holds the storage root, then retry.".to_owned())
            }
            Self::Locked { .. } => {
                Some("Stop the other process, or choose another data directory.".to_owned())
            }
            Self::InvalidRoot { .. } => {
                Some("Use a directory, file:///directory or s3://bucket/prefix.".to_owned())
            }
            _ => None,
        }
    }
}
