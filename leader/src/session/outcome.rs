//! What a statement answers with.

use datafusion::{arrow::datatypes::SchemaRef, execution::SendableRecordBatchStream};
use engine::{client_error::SqlState, sql::ParsedStatement, types::SqlType};

/// The answer to one statement.
pub enum Outcome {
    /// Rows, as they come.
    Rows {
        /// Their columns; fields remember their Redshift types.
        schema: SchemaRef,
        /// The rows.
        batches: SendableRecordBatchStream,
        /// What CommandComplete says at the end.
        tag: RowsTag,
    },
    /// No rows; the whole command tag.
    Done {
        /// `CREATE TABLE`, `INSERT 0 5`, …
        tag: String,
    },
    /// The statement was empty.
    Empty,
}

impl Outcome {
    /// Returns the answer of a statement that only says that it is done.
    pub fn done(tag: impl Into<String>) -> Self {
        Self::Done { tag: tag.into() }
    }
}

/// The command tag of an answer with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsTag {
    /// `SELECT n`
    Select,
    /// `EXPLAIN`
    Explain,
    /// `SHOW`
    Show,
    /// `ANALYZE COMPRESSION`
    AnalyzeCompression,
}

/// A message beside the answer.
#[derive(Debug, Clone)]
pub struct Notice {
    /// `INFO`, `NOTICE` or `WARNING`.
    pub severity: &'static str,
    /// Its code.
    pub sqlstate: SqlState,
    /// What it says.
    pub message: String,
    /// More, as sentences.
    pub detail: Option<String>,
    /// What to do, as sentences.
    pub hint: Option<String>,
}

/// A statement made ready by Parse.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The statement; `None` for an empty one.
    pub statement: Option<ParsedStatement>,
    /// The types of `$1`, `$2`, …
    pub parameter_types: Vec<SqlType>,
    /// The columns it answers with, if it answers with rows.
    pub result_schema: Option<SchemaRef>,
}
