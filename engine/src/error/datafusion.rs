//! DataFusionError → [`Error`]: ours are taken out again, the rest is mapped by variant.
//!
//! Only [`plan_messages`] searches messages of DataFusion's for words; where else only a text could tell
//! two cases apart, the coarser code is given.

use std::io;

use ::datafusion::{
    arrow::error::ArrowError,
    common::{SchemaError, Span},
    error::DataFusionError,
};

use crate::{
    catalog::CatalogError,
    client_error::{ClientError, SqlState},
    error::{CarriedError, Error, plan_messages},
    sql::SqlError,
    storage::StorageError,
};

/// An error of planning or running a query.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// PostgreSQL's code.
    pub sqlstate: SqlState,
    /// What is wrong.
    pub message: String,
    /// What more there is to say.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Line and column in the query string, from 1; [`QueryError::locate`] makes a position of it.
    pub line_column: Option<(u64, u64)>,
    /// Where in the query string: characters, from 1.
    pub position: Option<usize>,
}

impl QueryError {
    /// Returns an error with a code and a message.
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { sqlstate, message, detail: None, hint: None, line_column: None, position: None }
    }

    /// Adds what more there is to say.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Turns line and column into a position in the query string they count in.
    pub fn locate(&mut self, query_string: &str) {
        let Some((line, column)) = self.line_column.take() else { return };
        let mut position = 0;
        for (number, text) in (1..).zip(query_string.split('\n')) {
            if number == line {
                self.position = Some(position + usize::try_from(column).unwrap_or(1));
                return;
            }
            position += text.chars().count() + 1;
        }
    }
}

impl ClientError for QueryError {
    fn sqlstate(&self) -> SqlState {
        self.sqlstate
    }

    fn detail(&self) -> Option<String> {
        self.detail.clone()
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn position(&self) -> Option<usize> {
        self.position
    }
}

pub(super) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => from_external(source),
        DataFusionError::Context(_, inner) => from_datafusion(*inner),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let mut error = from_datafusion(*inner);
            if let (Error::Query(query), Some(span)) = (&mut error, diagnostic.span) {
                query.line_column = Some(start_of(span));
            }
            error
        }
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => from_datafusion(first),
            None => QueryError::new(SqlState::INTERNAL_ERROR, "empty error collection").into(),
        },
        DataFusionError::Shared(shared) => from_shared(&shared),
        DataFusionError::ArrowError(arrow, _) => from_arrow(*arrow),
        other => by_variant(&other).into(),
    }
}

fn start_of(span: Span) -> (u64, u64) {
    (span.start.line, span.start.column)
}

/// Our own errors travel through DataFusion as `External`.
fn from_external(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let source = match source.downcast::<Error>() {
        Ok(error) => return *error,
        Err(source) => source,
    };
    let source = match source.downcast::<DataFusionError>() {
        Ok(error) => return from_datafusion(*error),
        Err(source) => source,
    };
    let source = match source.downcast::<ArrowError>() {
        Ok(error) => return from_arrow(*error),
        Err(source) => source,
    };
    ours(source.as_ref()).unwrap_or_else(|| foreign(source.as_ref()))
}

/// An error of nobody we know; what another node reports arrives as such a one.
fn foreign(source: &dyn std::error::Error) -> Error {
    let text = source.to_string();
    let carried = CarriedError::parse(&text);
    carried.unwrap_or_else(|| QueryError::new(SqlState::INTERNAL_ERROR, text)).into()
}

/// Finds an error of ours anywhere in a chain of sources; only a copy can leave it.
fn ours(source: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(source);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<CatalogError>() {
            return Some(error.clone().into());
        }
        if let Some(error) = error.downcast_ref::<SqlError>() {
            return Some(error.clone().into());
        }
        if let Some(error) = error.downcast_ref::<QueryError>() {
            return Some(error.clone().into());
        }
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(copy_of(error).into());
        }
        if let Some(error) = error.downcast_ref::<StorageError>() {
            return Some(copy_of(error).into());
        }
        if let Some(error) = error.downcast_ref::<DataFusionError>() {
            return Some(from_shared(error));
        }
        if let Some(ArrowError::ExternalError(inner)) = error.downcast_ref::<ArrowError>() {
            return ours(inner.as_ref());
        }
        next = error.source();
    }
    None
}

fn copy_of(error: &dyn ClientError) -> QueryError {
    QueryError {
        sqlstate: error.sqlstate(),
        message: error.to_string(),
        detail: error.detail(),
        hint: error.hint(),
        line_column: None,
        position: error.position(),
    }
}

fn from_shared(shared: &DataFusionError) -> Error {
    match shared {
        DataFusionError::Context(_, inner) => from_shared(inner),
        DataFusionError::Diagnostic(_, inner) => from_shared(inner),
        DataFusionError::Shared(inner) => from_shared(inner),
        DataFusionError::External(source) => {
            ours(source.as_ref()).unwrap_or_else(|| foreign(source.as_ref()))
        }
        DataFusionError::ArrowError(arrow, _) => arrow_query_error(arrow).into(),
        other => by_variant(other).into(),
    }
}

fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(source) => from_external(source),
        other => arrow_query_error(&other).into(),
    }
}

fn arrow_query_error(error: &ArrowError) -> QueryError {
    let (sqlstate, message) = match error {
        ArrowError::DivideByZero => (SqlState::DIVISION_BY_ZERO, "division by zero".to_owned()),
        ArrowError::ArithmeticOverflow(text) => {
            (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, text.clone())
        }
        ArrowError::CastError(text) | ArrowError::ParseError(text) => {
            (SqlState::INVALID_TEXT_REPRESENTATION, plan_messages::in_sql(text))
        }
        ArrowError::NotYetImplemented(text) => (SqlState::FEATURE_NOT_SUPPORTED, text.clone()),
        ArrowError::InvalidArgumentError(text) | ArrowError::ComputeError(text) => {
            plan_messages::executed(text)
        }
        ArrowError::IoError(_, error) => return from_io(error),
        ArrowError::ExternalError(source) => {
            return ours(source.as_ref()).map_or_else(
                || QueryError::new(SqlState::INTERNAL_ERROR, source.to_string()),
                |error| copy_of(&error),
            );
        }
        other => (SqlState::INTERNAL_ERROR, other.to_string()),
    };
    QueryError::new(sqlstate, message)
}

fn by_variant(error: &DataFusionError) -> QueryError {
    match error {
        DataFusionError::SchemaError(schema, _) => from_schema(schema),
        DataFusionError::NotImplemented(text) => {
            QueryError::new(SqlState::FEATURE_NOT_SUPPORTED, plan_messages::not_implemented(text))
        }
        DataFusionError::Plan(text) => {
            let (sqlstate, message) = plan_messages::classified(text);
            QueryError::new(sqlstate, message)
        }
        DataFusionError::SQL(parser, _) => {
            QueryError::new(SqlState::SYNTAX_ERROR, parser.to_string())
        }
        DataFusionError::Execution(text) => {
            let (sqlstate, message) = plan_messages::executed(text);
            QueryError::new(sqlstate, message)
        }
        DataFusionError::Configuration(text) => {
            QueryError::new(SqlState::INVALID_PARAMETER_VALUE, text.clone())
        }
        DataFusionError::ResourcesExhausted(text) => {
            QueryError::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(text).with_hint(
                "Give the nodes more memory (--memory), run fewer queries at once, or select less.",
            )
        }
        DataFusionError::ObjectStore(error) => {
            QueryError::new(SqlState::IO_ERROR, error.to_string())
        }
        DataFusionError::IoError(error) => from_io(error),
        DataFusionError::ParquetError(error) => {
            QueryError::new(SqlState::DATA_EXCEPTION, error.to_string())
        }
        other => {
            let text = plan_messages::in_sql(&other.strip_backtrace());
            QueryError::new(SqlState::INTERNAL_ERROR, text)
        }
    }
}

/// Queries read files that storage answers for, and write what they spill.
fn from_io(error: &io::Error) -> QueryError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => QueryError::new(
            SqlState::DISK_FULL,
            "could not write what does not fit in memory",
        )
        .with_detail(error.to_string())
        .with_hint(
            "Give the nodes more memory (--memory), or a larger disk (--spill-dir, --spill-limit).",
        ),
        _ => QueryError::new(SqlState::IO_ERROR, error.to_string()),
    }
}

fn from_schema(error: &SchemaError) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut error = QueryError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{}\" does not exist", plain(field)),
            );
            if !valid_fields.is_empty() && valid_fields.len() <= 20 {
                let names: Vec<_> = valid_fields.iter().map(plain).collect();
                error.hint = Some(format!("These columns are there: {}.", names.join(", ")));
            }
            error
        }
        SchemaError::AmbiguousReference { field } => QueryError::new(
            SqlState::AMBIGUOUS_COLUMN,
            format!("column reference \"{}\" is ambiguous", field.name),
        ),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => QueryError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{name}\" specified more than once"),
        ),
    }
}

/// A column as its user wrote it: `table.column` or `column`.
fn plain(column: &::datafusion::common::Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), column.name),
        None => column.name.clone(),
    }
}
