//! Why a COPY fails as a whole. A row that is refused is a [`LoadError`](super::LoadError).

use crate::{
    access::AccessError,
    client_error::{ClientError, SqlState},
};

/// An error of COPY.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The parameters do not fit together.
    #[error("{message}")]
    Parameters {
        /// What is wrong.
        message: String,
        /// What to do instead.
        hint: Option<String>,
        /// Which parameter: characters, from 1.
        position: Option<usize>,
    },
    /// Something COPY cannot do yet.
    #[error("{message}")]
    Unsupported {
        /// What.
        message: String,
        /// What to do instead.
        hint: String,
    },
    /// The way to the files.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// No file starts with the prefix.
    #[error("The specified S3 prefix '{prefix}' does not exist")]
    NoSuchPrefix {
        /// The prefix.
        prefix: String,
    },
    /// A manifest that cannot be read.
    #[error("the manifest {url} is not valid: {reason}")]
    Manifest {
        /// The manifest.
        url: String,
        /// Why.
        reason: String,
    },
    /// A file the manifest calls mandatory is missing.
    #[error("the mandatory file {url} of the manifest does not exist")]
    MandatoryFileMissing {
        /// The file.
        url: String,
    },
    /// A file has another size than the manifest says.
    #[error("the file {url} has {found} bytes, the manifest says {expected}")]
    ContentLength {
        /// The file.
        url: String,
        /// What the manifest says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// A file that is not what the parameters say.
    #[error("the file {url} cannot be read: {reason}")]
    File {
        /// The file.
        url: String,
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// More rows were refused than MAXERROR allows.
    #[error("Load into table '{table}' failed.  Check 'stl_load_errors' system table for details.")]
    TooManyErrors {
        /// The table.
        table: String,
    },
    /// A bug: rows do not fit their own schema, or a task died.
    #[error("COPY failed inside: {0}")]
    Internal(String),
}

impl CopyError {
    /// Returns the error of a load whose rows were refused.
    pub fn too_many(table: &str) -> Self {
        Self::TooManyErrors { table: table.to_owned() }
    }

    pub(super) fn file(url: &str, reason: impl std::fmt::Display) -> Self {
        Self::File { url: url.to_owned(), reason: reason.to_string(), hint: None }
    }
}

impl From<arrow::error::ArrowError> for CopyError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<tokio::task::JoinError> for CopyError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl ClientError for CopyError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Parameters { .. } => SqlState::SYNTAX_ERROR,
            Self::Unsupported { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::Access(error) => error.sqlstate(),
            Self::NoSuchPrefix { .. } | Self::MandatoryFileMissing { .. } => {
                SqlState::UNDEFINED_OBJECT
            }
            Self::Manifest { .. } | Self::ContentLength { .. } | Self::File { .. } => {
                SqlState::DATA_EXCEPTION
            }
            // Redshift answers with XX000; drivers that retry on it would load nothing twice.
            Self::TooManyErrors { .. } => SqlState::DATA_EXCEPTION,
            Self::Internal(_) => SqlState::INTERNAL_ERROR,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Access(error) => error.detail(),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Parameters { hint, .. } | Self::File { hint, .. } => hint.clone(),
            Self::Unsupported { hint, .. } => Some(hint.clone()),
            Self::Access(error) => error.hint(),
            _ => None,
        }
    }

    fn position(&self) -> Option<usize> {
        match self {
            Self::Parameters { position, .. } => *position,
            _ => None,
        }
    }
}
