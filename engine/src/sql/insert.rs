//! INSERT INTO t [(columns)] VALUES … | query | DEFAULT VALUES.

use sqlparser::tokenizer::Token;

use crate::sql::{Insert, InsertSource, SqlError, cursor::Cursor, query};

/// Parses what follows INSERT.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Insert, SqlError> {
    cursor.expect("into")?;
    let table = cursor.qualified_name()?;
    let has_columns = *cursor.peek() == Token::LParen && !query::starts(cursor);
    let columns = if has_columns { cursor.column_list()? } else { Vec::new() };
    let source = if cursor.take_all(&["default", "values"]) {
        InsertSource::DefaultValues
    } else if cursor.take("values") {
        InsertSource::Values(values(cursor)?)
    } else if query::starts(cursor) {
        InsertSource::Query(cursor.query()?)
    } else {
        return Err(cursor.unexpected());
    };
    refuse_postgresql(cursor)?;
    Ok(Insert { table, columns, source })
}

fn values(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<Option<sqlparser::ast::Expr>>>, SqlError> {
    let mut rows: Vec<Vec<_>> = Vec::new();
    loop {
        let position = cursor.position();
        let row = row(cursor)?;
        if rows.first().is_some_and(|first| first.len() != row.len()) {
            let message = "VALUES lists must all be the same length";
            return Err(SqlError::syntax(message, Some(position)));
        }
        rows.push(row);
        if !cursor.take_token(&Token::Comma) {
            return Ok(rows);
        }
    }
}

fn row(cursor: &mut Cursor<'_>) -> Result<Vec<Option<sqlparser::ast::Expr>>, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let mut row = Vec::new();
    loop {
        let item = if cursor.take("default") { None } else { Some(cursor.expression()?) };
        row.push(item);
        if !cursor.take_token(&Token::Comma) {
            cursor.expect_token(&Token::RParen)?;
            return Ok(row);
        }
    }
}

fn refuse_postgresql(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    let (what, hint) = if cursor.at_all(&["on", "conflict"]) {
        ("INSERT … ON CONFLICT", "Select the rows that are not there yet: WHERE NOT EXISTS (…).")
    } else if cursor.at("returning") {
        ("INSERT … RETURNING", "Query the table after the INSERT.")
    } else {
        return Ok(());
    };
    let message = format!("{what} is not supported");
    Err(SqlError::unsupported(message, Some(cursor.position())).with_hint(hint))
}
