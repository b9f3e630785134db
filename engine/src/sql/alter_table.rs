//! ALTER TABLE t RENAME TO u, of tables and views.

use crate::sql::{RenameTable, SqlError, cursor::Cursor};

/// Parses ALTER TABLE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<RenameTable, SqlError> {
    let start = cursor.position();
    cursor.expect("alter")?;
    cursor.expect("table")?;
    let name = cursor.qualified_name()?;
    if cursor.take_all(&["rename", "to"]) {
        return Ok(RenameTable { name, new_name: cursor.identifier()? });
    }
    let Some(action) = cursor.peek_word().map(str::to_uppercase) else {
        return Err(cursor.unexpected());
    };
    let message = format!("ALTER TABLE {action} is not supported yet");
    Err(SqlError::unsupported(message, Some(start))
        .with_hint("Create the table again by CREATE TABLE AS, then drop the old one."))
}
