//! CANCEL process_id ['message'].

use crate::sql::{Cancel, SqlError, cursor::Cursor};

/// Parses what follows CANCEL.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Cancel, SqlError> {
    let process = cursor.unsigned()?;
    Ok(Cancel { process, message: cursor.take_string() })
}
