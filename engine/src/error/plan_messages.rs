//! SQLSTATEs of planning errors that DataFusion tells apart by their text alone.
//!
//! Drivers and dbt decide on these codes, and DataFusion 55 has one variant for all of them. The texts
//! are listed here and nowhere else; `sql-tests/slt/error/planning.slt` fails when an upgrade changes one.

use crate::client_error::SqlState;

/// What a text of DataFusion's contains, the code, and how Redshift says it if that is always the same.
const MESSAGES: &[(&str, SqlState, Option<&str>)] = &[
    ("must be in GROUP BY or an aggregate function", SqlState::GROUPING_ERROR, None),
    (
        "Aggregate function calls cannot be nested",
        SqlState::GROUPING_ERROR,
        Some("aggregate function calls may not be nested"),
    ),
    (
        "LIMIT must be >= 0",
        SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
        Some("LIMIT must not be negative"),
    ),
    (
        "Expected LIMIT to be an integer or null",
        SqlState::DATATYPE_MISMATCH,
        Some("argument of LIMIT must be type bigint"),
    ),
    (
        "Expected OFFSET to be an integer or null",
        SqlState::DATATYPE_MISMATCH,
        Some("argument of OFFSET must be type bigint"),
    ),
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
    ("There isn't a common type to coerce", SqlState::UNDEFINED_FUNCTION, None),
    ("Can not find compatible types to compare", SqlState::UNDEFINED_FUNCTION, None),
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

/// Errors of running a query that Redshift has a code for.
const EXECUTED: &[(&str, SqlState, &str)] = &[
    (
        "Scalar subquery returned more than one row",
        SqlState::CARDINALITY_VIOLATION,
        "more than one row returned by a subquery used as an expression",
    ),
    (
        "field position must not be zero",
        SqlState::INVALID_PARAMETER_VALUE,
        "field position must be greater than zero",
    ),
    (
        "Cannot cast to Interval(MonthDayNano). Overflowing",
        SqlState::DATETIME_FIELD_OVERFLOW,
        "date out of range",
    ),
];

/// Returns the code and the message of an error of running a query.
pub(super) fn executed(text: &str) -> (SqlState, String) {
    match EXECUTED.iter().find(|(known, ..)| text.contains(known)) {
        Some((_, sqlstate, message)) => (*sqlstate, (*message).to_owned()),
        None => (SqlState::DATA_EXCEPTION, text.to_owned()),
    }
}

/// How DataFusion starts to say which call it has no function for; a call follows, in quotes.
const NO_FUNCTION: &str = "No function matches the given name and argument types '";

/// What a text of `NotImplemented` contains when a subquery could not be made a join.
const SUBQUERIES: &[&str] = &["ScalarSubquery(", "Exists(", "InSubquery(", "OuterReferenceColumn("];

/// Arrow's names of types, and SQL's.
const TYPES: &[(&str, &str)] = &[
    ("Utf8View", "varchar"),
    ("LargeUtf8", "varchar"),
    ("Utf8", "varchar"),
    ("Int16", "smallint"),
    ("Int32", "integer"),
    ("Int64", "bigint"),
    ("Float32", "real"),
    ("Float64", "double precision"),
    ("Decimal128", "numeric"),
    ("Boolean", "boolean"),
    ("Date32", "date"),
    ("Time64(µs)", "time"),
    ("Timestamp(µs)", "timestamp"),
    ("Timestamp(ns)", "timestamp"),
    ("Timestamp(µs, \"UTC\")", "timestamp with time zone"),
    ("Interval(MonthDayNano)", "interval"),
    ("Duration(µs)", "interval"),
];

/// Returns the code and the message of a planning error: 42601 where nothing better is known.
pub(super) fn classified(text: &str) -> (SqlState, String) {
    if let Some((_, ours)) = text.split_once(COERCION_FAILED) {
        let end = ours.find(" No function matches").unwrap_or(ours.len());
        return (SqlState::UNDEFINED_FUNCTION, ours[..end].trim_end_matches('.').to_owned());
    }
    if let Some(call) = text.split_once(NO_FUNCTION).and_then(|(_, rest)| rest.split_once('\'')) {
        let message = format!("function {} does not exist", in_sql(call.0));
        return (SqlState::UNDEFINED_FUNCTION, message);
    }
    if let Some(message) = ungrouped(text) {
        return (SqlState::GROUPING_ERROR, message);
    }
    match MESSAGES.iter().find(|(known, ..)| text.contains(known)) {
        Some((_, sqlstate, Some(message))) => (*sqlstate, (*message).to_owned()),
        Some((_, sqlstate, None)) => (*sqlstate, in_sql(text)),
        None => (SqlState::SYNTAX_ERROR, in_sql(text)),
    }
}

/// Returns the message for what DataFusion has no plan for.
pub(super) fn not_implemented(text: &str) -> String {
    if SUBQUERIES.iter().any(|known| text.contains(known)) {
        return "this kind of correlated subquery is not supported: compare by = only, or say it as a join".to_owned();
    }
    // The rest is the statement as the parser holds it.
    if let Some((_, node)) = text.split_once("Unsupported ast node ") {
        let node = node.trim_start_matches("in sqltorel: ").split([' ', '{', '(']).next();
        return format!("this is not supported in a query: {}", node.unwrap_or_default());
    }
    in_sql(text)
}

/// Returns the message for a column beside aggregates, which DataFusion names in its own.
fn ungrouped(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("must be in GROUP BY or an aggregate function")?;
    let column = rest.split_once("column \"")?.1.split_once('"')?.0;
    Some(format!(
        "column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function"
    ))
}

/// Returns a text of DataFusion's with SQL's names of types, and without what is for its developers.
pub(super) fn in_sql(text: &str) -> String {
    let text = text.strip_prefix("Internal error: ").unwrap_or(text);
    let text = text.split_once("\nThis issue was likely").map_or(text, |(before, _)| before);
    let text = text.trim_end_matches(['.', '\n', ' ']);
    TYPES.iter().fold(text.to_owned(), |text, (arrow, sql)| text.replace(arrow, sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_function_is_named_with_its_arguments() {
        let text = "Internal error: Function 'substr' failed to match any signature. No function \
                    matches the given name and argument types 'substr(Int64, Utf8View)'. You might …";
        let (sqlstate, message) = classified(text);
        assert_eq!(sqlstate, SqlState::UNDEFINED_FUNCTION);
        assert_eq!(message, "function substr(bigint, varchar) does not exist");
    }

    #[test]
    fn an_ungrouped_column_is_named() {
        let text = "Column in SELECT must be in GROUP BY or an aggregate function: While expanding \
                    wildcard, column \"t.id\" must appear in the GROUP BY clause …";
        let expected = "column \"t.id\" must appear in the GROUP BY clause or be used in an aggregate function";
        assert_eq!(classified(text), (SqlState::GROUPING_ERROR, expected.to_owned()));
    }
}
