//! The dialect that sqlparser reads queries and expressions with.

use sqlparser::{
    dialect::RedshiftSqlDialect,
    parser::{Parser, ParserError},
    tokenizer::TokenWithSpan,
};

/// Redshift's.
pub(super) static REDSHIFT: RedshiftSqlDialect = RedshiftSqlDialect {};

/// How deep expressions and queries may nest.
const NESTING_MAX: usize = 200;

/// Returns a parser over tokens.
pub(super) fn parser(tokens: &[TokenWithSpan]) -> Parser<'static> {
    Parser::new(&REDSHIFT)
        .with_recursion_limit(NESTING_MAX)
        .with_tokens_with_locations(tokens.to_vec())
}

/// What a foreign parser says when it nests too deep.
pub(super) fn is_too_deep(error: &ParserError) -> bool {
    matches!(error, ParserError::RecursionLimitExceeded)
}
