//! What can be wrong with a name or a definition.

use crate::{
    catalog::DATABASES_MAX,
    client_error::{ClientError, SqlState},
};

/// An error of the catalogue.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum CatalogError {
    #[error("relation \"{0}\" does not exist")]
    UndefinedTable(String),
    #[error("view \"{0}\" does not exist")]
    UndefinedView(String),
    #[error("schema \"{0}\" does not exist")]
    UndefinedSchema(String),
    #[error("column \"{column}\" of relation \"{table}\" does not exist")]
    UndefinedColumn { table: String, column: String },
    #[error("column \"{column}\" of relation \"{table}\" already exists")]
    DuplicateColumn { table: String, column: String },
    #[error("relation \"{0}\" already exists")]
    DuplicateTable(String),
    #[error("schema \"{0}\" already exists")]
    DuplicateSchema(String),
    #[error("\"{0}\" is not a table")]
    NotATable(String),
    #[error("\"{0}\" is not a view")]
    NotAView(String),
    #[error("cannot drop {what} \"{name}\" because other objects depend on it")]
    DependentObjects { what: &'static str, name: String, dependents: Vec<String> },
    #[error("database \"{0}\" does not exist")]
    UndefinedDatabase(String),
    #[error("database \"{0}\" already exists")]
    DuplicateDatabase(String),
    #[error("a cluster has at most {DATABASES_MAX} databases beside its first")]
    TooManyDatabases,
    #[error("could not complete because relation \"{0}\" was dropped by a concurrent transaction")]
    ConcurrentlyDropped(String),
    #[error("could not complete because relation \"{0}\" was changed by a concurrent transaction")]
    ConcurrentlyChanged(String),
}

impl ClientError for CatalogError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::UndefinedTable(_) | Self::UndefinedView(_) => SqlState::UNDEFINED_TABLE,
            Self::UndefinedSchema(_) => SqlState::INVALID_SCHEMA_NAME,
            Self::UndefinedColumn { .. } => SqlState::UNDEFINED_COLUMN,
            Self::DuplicateColumn { .. } => SqlState::DUPLICATE_COLUMN,
            Self::DuplicateTable(_) => SqlState::DUPLICATE_TABLE,
            Self::DuplicateSchema(_) => SqlState::DUPLICATE_SCHEMA,
            Self::NotATable(_) | Self::NotAView(_) => SqlState::WRONG_OBJECT_TYPE,
            Self::DependentObjects { .. } => SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            Self::UndefinedDatabase(_) => SqlState::INVALID_CATALOG_NAME,
            Self::DuplicateDatabase(_) => SqlState::DUPLICATE_DATABASE,
            Self::TooManyDatabases => SqlState::PROGRAM_LIMIT_EXCEEDED,
            Self::ConcurrentlyDropped(_) | Self::ConcurrentlyChanged(_) => {
                SqlState::SERIALIZATION_FAILURE
            }
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::DependentObjects { dependents, .. } => {
                Some(format!("These depend on it: {}.", dependents.join(", ")))
            }
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DependentObjects { .. } => {
                Some("Use DROP ... CASCADE to drop the dependent objects too.".to_owned())
            }
            Self::ConcurrentlyDropped(_) | Self::ConcurrentlyChanged(_) => {
                Some("Run the transaction again.".to_owned())
            }
            _ => None,
        }
    }
}
