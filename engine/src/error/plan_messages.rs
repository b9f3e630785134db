//! SQLSTATEs of planning errors that DataFusion tells apart by their text alone.
//!
//! Drivers and dbt decide on these codes, and DataFusion 55 has one variant for all of them. The texts
//! are listed here and nowhere else; `sql-tests/slt/error/planning.slt` fails when an upgrade changes one.

use crate::client_error::SqlState;

/// What a text of DataFusion's contains, the code, and how Redshift says it if that is always the same.
const MESSAGES: &[(&str, SqlState, Option<&str>)] = &[
    ("must be in GROUP BY or an aggregate function", SqlState::GROUPING_ERROR, None),
    (
        "Aggregate functions are not allowed in the WHERE clause",
        SqlState::GROUPING_ERROR,
        Some("aggregates not allowed in WHERE clause"),
    ),
    (
        "Cannot create filter with non-boolean predicate",
        SqlState::DATATYPE_MISMATCH,
        Some("argument of WHERE must be type boolean"),
    ),
    ("Cannot infer common argument type", SqlState::UNDEFINED_FUNCTION, None),
    ("Cannot get result type for", SqlState::UNDEFINED_FUNCTION, None),
    ("failed to match any signature", SqlState::UNDEFINED_FUNCTION, None),
    ("Cannot coerce arithmetic expression", SqlState::UNDEFINED_FUNCTION, None),
    ("Failed to coerce arguments to satisfy a call", SqlState::UNDEFINED_FUNCTION, None),
    ("Incompatible inputs for Union", SqlState::DATATYPE_MISMATCH, None),
    ("Failed to coerce", SqlState::DATATYPE_MISMATCH, None),
];

/// What DataFusion puts around the error of a function of ours.
const COERCION_FAILED: &str = "user-defined coercion failed with: External error: ";

/// Returns the code and the message of a planning error: 42601 where nothing better is known.
pub(super) fn classified(text: &str) -> (SqlState, String) {
    if let Some((_, ours)) = text.split_once(COERCION_FAILED) {
        let end = ours.find(" No function matches").unwrap_or(ours.len());
        return (SqlState::UNDEFINED_FUNCTION, ours[..end].trim_end_matches('.').to_owned());
    }
    match MESSAGES.iter().find(|(known, ..)| text.contains(known)) {
        Some((_, sqlstate, message)) => (*sqlstate, message.unwrap_or(text).to_owned()),
        None => (SqlState::SYNTAX_ERROR, text.to_owned()),
    }
}
