//! LOCK [TABLE] t, …

use sqlparser::tokenizer::Token;

use crate::sql::{QualifiedName, SqlError, cursor::Cursor};

/// Parses what follows LOCK.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Vec<QualifiedName>, SqlError> {
    cursor.take("table");
    let mut tables = vec![cursor.qualified_name()?];
    while cursor.take_token(&Token::Comma) {
        tables.push(cursor.qualified_name()?);
    }
    Ok(tables)
}
