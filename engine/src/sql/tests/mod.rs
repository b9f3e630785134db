//! What each statement parses to, one table per statement; what holds for all of them.

mod alter_table;
mod create_table;
mod create_table_as;
mod create_table_refused;
mod every_statement;
mod other_statements;
mod psql;
mod query;
mod set;
mod target;
mod unsupported;

use super::{ParsedStatement, SqlError, Statement, parse};
use crate::client_error::SqlState;

/// Parses what must be one statement.
fn one(sql: &str) -> Statement {
    let mut parsed = all(sql);
    assert_eq!(parsed.len(), 1, "{sql}");
    parsed.remove(0).statement
}

fn all(sql: &str) -> Vec<ParsedStatement> {
    parse(sql).unwrap_or_else(|error| panic!("{sql}: {error} at {:?}", error.position))
}

fn error(sql: &str) -> SqlError {
    match parse(sql) {
        Ok(parsed) => panic!("{sql} is parsed: {parsed:?}"),
        Err(error) => error,
    }
}

/// Asserts an error, and that it points at the last `place` in the text (its end, if `place` is empty).
fn fails(sql: &str, sqlstate: SqlState, message: &str, place: &str) {
    let error = error(sql);
    assert_eq!(error.message, message, "{sql}");
    assert_eq!(error.sqlstate, sqlstate, "{sql}");
    let byte = if place.is_empty() { sql.len() } else { sql.rfind(place).expect(place) };
    let position = sql[..byte].chars().count() + 1;
    assert_eq!(error.position, Some(position), "{sql}");
}
