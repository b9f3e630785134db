//! ANALYZE COMPRESSION [t [(columns)]] [COMPROWS n].

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{QualifiedName, SqlError, cursor::Cursor},
};

const SAMPLE_ROWS_MIN: u64 = 1_000;
const SAMPLE_ROWS_MAX: u64 = 1_000_000_000;

/// ANALYZE COMPRESSION.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalyzeCompression {
    /// The table; all of them if there is none.
    pub table: Option<QualifiedName>,
    /// The columns named; empty for all.
    pub columns: Vec<String>,
    /// COMPROWS: rows to look at, in all slices together.
    pub sample_rows: Option<u64>,
}

/// Parses what follows ANALYZE COMPRESSION.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<AnalyzeCompression, SqlError> {
    let mut analyze = AnalyzeCompression { table: None, columns: Vec::new(), sample_rows: None };
    if !cursor.at_end() && !cursor.at("comprows") {
        analyze.table = Some(cursor.qualified_name()?);
        if *cursor.peek() == Token::LParen {
            analyze.columns = cursor.column_list()?;
        }
    }
    if cursor.take("comprows") {
        let position = cursor.position();
        let rows = cursor.unsigned()?;
        if !(SAMPLE_ROWS_MIN..=SAMPLE_ROWS_MAX).contains(&rows) {
            let message =
                format!("COMPROWS must be between {SAMPLE_ROWS_MIN} and {SAMPLE_ROWS_MAX}");
            return Err(SqlError {
                sqlstate: SqlState::INVALID_PARAMETER_VALUE,
                message,
                hint: None,
                position: Some(position),
            });
        }
        analyze.sample_rows = Some(rows);
    }
    Ok(analyze)
}
