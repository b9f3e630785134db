//! TRUNCATE [TABLE] t.

use sqlparser::tokenizer::Token;

use crate::sql::{QualifiedName, SqlError, cursor::Cursor};

/// Parses what follows TRUNCATE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<QualifiedName, SqlError> {
    cursor.take("table");
    let name = cursor.qualified_name()?;
    if *cursor.peek() == Token::Comma {
        let message = "TRUNCATE of several tables is not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("Say TRUNCATE once for each table."));
    }
    Ok(name)
}
