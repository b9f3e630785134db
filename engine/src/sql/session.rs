//! DEALLOCATE and DISCARD: what drivers and poolers send to clean a session.

use crate::sql::{SqlError, Statement, cursor::Cursor};

/// Parses what follows DEALLOCATE.
pub(super) fn deallocate(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.take("prepare");
    if cursor.take("all") {
        return Ok(Statement::Deallocate(None));
    }
    cursor.identifier().map(|name| Statement::Deallocate(Some(name)))
}

/// Parses what follows DISCARD.
pub(super) fn discard(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.take("all") {
        return Ok(Statement::DiscardAll);
    }
    if ["plans", "sequences", "temp", "temporary"].iter().any(|word| cursor.at(word)) {
        let message = format!("DISCARD {} is not supported", cursor.peek_text().to_uppercase());
        return Err(
            SqlError::unsupported(message, Some(cursor.position())).with_hint("DISCARD ALL is.")
        );
    }
    Err(cursor.unexpected())
}
