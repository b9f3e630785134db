//! sqlparser's errors → PostgreSQL's words and positions.

use sqlparser::{parser::ParserError, tokenizer::Location};

use crate::{
    client_error::SqlState,
    sql::{SqlError, cursor::Cursor},
};

/// Returns what a client is told of an error of sqlparser's.
pub(super) fn from_parser(cursor: &Cursor<'_>, error: &ParserError) -> SqlError {
    let message = match error {
        ParserError::RecursionLimitExceeded => return too_deep(cursor.position()),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (what, location) = split_location(message);
    let error = match location {
        Some(location) => cursor.unexpected_at(location),
        // An error without a place is one at the end, or one about what was just read.
        None if what.ends_with("found: EOF") => cursor.unexpected_end(),
        None => cursor.unexpected_last(),
    };
    // sqlparser's own sentence says something only where it is not "Expected: X, found: Y".
    if what.starts_with("Expected") || what.is_empty() {
        return error;
    }
    error.with_hint(what.to_owned())
}

/// Returns the error of nesting that would exhaust the stack.
pub(super) fn too_deep(position: usize) -> SqlError {
    SqlError {
        sqlstate: SqlState::STATEMENT_TOO_COMPLEX,
        message: "the statement is nested too deeply".to_owned(),
        hint: Some("Split it, or use IN (…) in place of long chains of OR.".to_owned()),
        position: Some(position),
    }
}

/// Splits `text at Line: x, Column: y`: the only form in which sqlparser gives the place away.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let Some((what, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let location = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(Location { line: line.parse().ok()?, column: column.parse().ok()? })
    });
    (what, location)
}
