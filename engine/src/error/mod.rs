//! Anything that can go wrong in the engine. Adds nothing of its own: every variant is the error of
//! one module and speaks for itself.

mod carried;
mod datafusion;
mod plan_messages;

use crate::{
    access::AccessError,
    catalog::CatalogError,
    client_error::{ClientError, SqlState},
    copy::CopyError,
    sql::SqlError,
    storage::StorageError,
    transaction::TransactionError,
    write::WriteError,
};

pub use self::{carried::CarriedError, datafusion::QueryError};

/// An error of the engine, as leader and compute see it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text of a statement.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A name or a definition.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Blocks, runs, the managed storage root.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Credentials and endpoints.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A load.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// Transactions and the commit log.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// A row that its table's definition does not allow.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Planning or running a query.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Error {
    /// Returns the error of a task that panicked: a bug of ours, which fails its statement only.
    pub fn panicked(task: impl std::fmt::Display) -> Self {
        QueryError::new(SqlState::INTERNAL_ERROR, format!("a task failed: {task}")).into()
    }

    fn inner(&self) -> &dyn ClientError {
        match self {
            Self::Sql(error) => error,
            Self::Catalog(error) => error,
            Self::Storage(error) => error,
            Self::Access(error) => error,
            Self::Copy(error) => error,
            Self::Transaction(error) => error,
            Self::Write(error) => error,
            Self::Query(error) => error,
        }
    }
}

impl ClientError for Error {
    fn sqlstate(&self) -> SqlState {
        self.inner().sqlstate()
    }

    fn detail(&self) -> Option<String> {
        self.inner().detail()
    }

    fn hint(&self) -> Option<String> {
        self.inner().hint()
    }

    fn position(&self) -> Option<usize> {
        self.inner().position()
    }
}

impl From<::datafusion::error::DataFusionError> for Error {
    fn from(error: ::datafusion::error::DataFusionError) -> Self {
        datafusion::from_datafusion(error)
    }
}
