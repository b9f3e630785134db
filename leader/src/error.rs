//! What can go wrong on the leader, beside what the engine says itself.

use std::io;

use engine::client_error::{ClientError, SqlState};

/// An error of the leader.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::error::Error),
    #[error("current transaction is aborted, commands ignored until end of transaction block")]
    FailedTransaction,
    #[error("unrecognized configuration parameter \"{0}\"")]
    UnknownParameter(String),
    #[error("parameter \"{0}\" cannot be changed")]
    ReadOnlyParameter(String),
    #[error("invalid value for parameter \"{name}\": \"{value}\"")]
    ParameterValue { name: String, value: String, hint: String },
    #[error("{what} is not supported")]
    Unsupported { what: String, instead: String },
    #[error("canceling statement due to statement timeout")]
    StatementTimeout,
    #[error("{message}")]
    Statement { sqlstate: SqlState, message: String, hint: Option<String> },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("TLS: {0}")]
    Tls(String),
}

impl Error {
    /// Returns an error of a statement with its code.
    pub fn statement(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self::Statement { sqlstate, message: message.into(), hint: None }
    }

    /// Returns the refusal of a feature (0A000) with what works instead.
    pub fn unsupported(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), instead: instead.into() }
    }
}

impl ClientError for Error {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Engine(error) => error.sqlstate(),
            Self::FailedTransaction => SqlState::IN_FAILED_SQL_TRANSACTION,
            Self::UnknownParameter(_) => SqlState::UNDEFINED_OBJECT,
            Self::ReadOnlyParameter(_) => SqlState("55P02"),
            Self::ParameterValue { .. } => SqlState::INVALID_PARAMETER_VALUE,
            Self::Unsupported { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::StatementTimeout => SqlState::QUERY_CANCELED,
            Self::Statement { sqlstate, .. } => *sqlstate,
            Self::Listen { .. } | Self::Io { .. } => SqlState::IO_ERROR,
            Self::Tls(_) => SqlState::CONNECTION_EXCEPTION,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.detail(),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::ParameterValue { hint, .. } => Some(hint.clone()),
            Self::Unsupported { instead, .. } => Some(instead.clone()),
            Self::Statement { hint, .. } => hint.clone(),
            Self::FailedTransaction => Some("Send ROLLBACK first.".to_owned()),
            _ => None,
        }
    }

    fn position(&self) -> Option<usize> {
        match self {
            Self::Engine(error) => error.position(),
            _ => None,
        }
    }
}

macro_rules! from_engine {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Engine(error.into())
            }
        })+
    };
}

from_engine!(
    engine::access::AccessError,
    engine::catalog::CatalogError,
    engine::copy::CopyError,
    engine::sql::SqlError,
    engine::storage::StorageError,
    engine::transaction::TransactionError,
    engine::error::QueryError,
    datafusion::error::DataFusionError,
);
