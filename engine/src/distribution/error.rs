//! What can go wrong when rows are dealt out.

use arrow::datatypes::DataType;

use crate::client_error::{ClientError, SqlState};

/// An error of distribution.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum DistributionError {
    #[error("a value of type {0} cannot be a distribution key")]
    UnsupportedKey(DataType),
    #[error("the distribution key is column {column} of rows that have {columns}")]
    NoSuchColumn { column: usize, columns: usize },
    #[error("could not deal out rows: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl ClientError for DistributionError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::UnsupportedKey(_) => SqlState::FEATURE_NOT_SUPPORTED,
            Self::NoSuchColumn { .. } | Self::Arrow(_) => SqlState::INTERNAL_ERROR,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnsupportedKey(_) => {
                Some("Choose another DISTKEY, or DISTSTYLE EVEN.".to_owned())
            }
            _ => None,
        }
    }
}
