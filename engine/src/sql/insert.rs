//! INSERT INTO … VALUES | query | DEFAULT VALUES.

use sqlparser::{ast, keywords::Keyword, tokenizer::Token};

use crate::sql::{Insert, InsertSource, SqlError, Statement, cursor::Cursor, dialect, normalise};

/// Takes what follows INSERT.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.expect("into")?;
    let table = cursor.qualified_name()?;
    let columns = match starts_query(cursor) {
        false if cursor.peek() == Some(&Token::LParen) => cursor.name_list()?,
        _ => Vec::new(),
    };
    let source = if cursor.take_all(&["default", "values"]) {
        cursor.expect_end()?;
        InsertSource::DefaultValues
    } else if cursor.take("values") {
        InsertSource::Values(values(cursor)?)
    } else {
        InsertSource::Query(cursor.query()?)
    };
    Ok(Statement::Insert(Insert { table, columns, source }))
}

/// Returns whether `(` opens a query rather than a list of columns.
fn starts_query(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    while ahead.take_token(&Token::LParen) {}
    ahead.is("select") || ahead.is("with")
}

fn values(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<Option<ast::Expr>>>, SqlError> {
    let mut parser = dialect::parser(cursor.rest());
    let mut rows = Vec::new();
    loop {
        let mut row = Vec::new();
        if !parser.consume_token(&Token::LParen) {
            cursor.expect_parsed(&parser)?;
            return Err(cursor.foreign(&end_of_input(), &parser));
        }
        loop {
            if parser.parse_keyword(Keyword::DEFAULT) {
                row.push(None);
            } else {
                let value = parser.parse_expr();
                let mut value = value.map_err(|error| cursor.foreign(&error, &parser))?;
                normalise::expression(&mut value)?;
                row.push(Some(value));
            }
            if parser.consume_token(&Token::Comma) {
                continue;
            }
            if parser.consume_token(&Token::RParen) {
                break;
            }
            cursor.expect_parsed(&parser)?;
            return Err(cursor.foreign(&end_of_input(), &parser));
        }
        rows.push(row);
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_parsed(&parser)?;
    Ok(rows)
}

fn end_of_input() -> sqlparser::parser::ParserError {
    sqlparser::parser::ParserError::ParserError(String::new())
}
