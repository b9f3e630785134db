//! The Redshift dialect for sqlparser's tokenizer and expression parser.
//!
//! sqlparser ties many of PostgreSQL's expressions (`OPERATOR(…)`, `E'…'`, `^`, subscripts) to the
//! identity of its PostgreSQL dialect rather than to a flag, and its Redshift dialect lacks them. So
//! this dialect has PostgreSQL's identity and says for itself where Redshift differs.

use std::any::TypeId;

use sqlparser::{
    ast::{DuplicateTreatment, Expr, FunctionArguments, Ident, ObjectName},
    dialect::{Dialect, PostgreSqlDialect, Precedence},
    keywords::{self, Keyword},
    parser::{Parser, ParserError},
    tokenizer::Token,
};

use crate::sql::reserved;

/// The one value of the dialect.
pub(super) static REDSHIFT: Redshift = Redshift;

/// Redshift's dialect.
#[derive(Debug)]
pub(super) struct Redshift;

impl Dialect for Redshift {
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    /// `#` starts the name of a temporary table.
    fn is_identifier_start(&self, ch: char) -> bool {
        PostgreSqlDialect {}.is_identifier_start(ch) || ch == '#'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        PostgreSqlDialect {}.is_identifier_part(ch)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        PostgreSqlDialect {}.is_reserved_for_identifier(keyword)
    }

    /// `SELECT a b` names the column b, but no reserved word does that without AS.
    fn is_column_alias(&self, keyword: &Keyword, _parser: &mut Parser<'_>) -> bool {
        !keywords::RESERVED_FOR_COLUMN_ALIAS.contains(keyword) && !is_reserved(keyword)
    }

    fn is_table_alias(&self, keyword: &Keyword, _parser: &mut Parser<'_>) -> bool {
        !keywords::RESERVED_FOR_TABLE_ALIAS.contains(keyword) && !is_reserved(keyword)
    }

    /// `APPROXIMATE COUNT(DISTINCT x)` is `approx_distinct(x)`.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let is_word = |token: &Token, wanted: &str| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(wanted));
        if !is_word(&parser.peek_nth_token_ref(0).token, "approximate")
            || !is_word(&parser.peek_nth_token_ref(1).token, "count")
        {
            return None;
        }
        parser.next_token();
        Some(parser.parse_prefix().and_then(approximate_count))
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        // sqlparser takes `x NOT NULL` for `x IS NOT NULL`; it ends a DEFAULT and starts a constraint.
        if parser.peek_keyword(Keyword::NOT)
            && matches!(&parser.peek_nth_token_ref(1).token, Token::Word(word) if word.keyword == Keyword::NULL)
        {
            return Some(Ok(self.prec_unknown()));
        }
        PostgreSqlDialect {}.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(precedence)
    }

    /// Backslashes are plain characters: `standard_conforming_strings` is reported as on, and drivers
    /// quote by it. `E'…'` has them.
    fn supports_string_literal_backslash_escape(&self) -> bool {
        false
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_string_literal_concatenation_with_newline(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_top_before_distinct(&self) -> bool {
        true
    }

    /// Parsed in order to be refused by name.
    fn supports_connect_by(&self) -> bool {
        true
    }

    /// Parsed in order to be refused by name.
    fn supports_outer_join_operator(&self) -> bool {
        true
    }

    /// `CONVERT(type, value)`.
    fn convert_type_before_value(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }

    /// `LIMIT offset, count` is MySQL's.
    fn supports_limit_comma(&self) -> bool {
        false
    }
}

/// The one form that Redshift has: `COUNT(DISTINCT x)`.
fn approximate_count(counted: Expr) -> Result<Expr, ParserError> {
    let only_distinct = "APPROXIMATE COUNT takes DISTINCT and an expression";
    let Expr::Function(mut function) = counted else {
        return Err(ParserError::ParserError(only_distinct.to_owned()));
    };
    match &mut function.args {
        FunctionArguments::List(list)
            if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) =>
        {
            list.duplicate_treatment = None;
        }
        _ => return Err(ParserError::ParserError(only_distinct.to_owned())),
    }
    function.name = ObjectName::from(vec![Ident::new("approx_distinct")]);
    Ok(Expr::Function(function))
}

fn is_reserved(keyword: &Keyword) -> bool {
    *keyword != Keyword::NoKeyword && reserved::is_reserved(&format!("{keyword:?}").to_lowercase())
}
