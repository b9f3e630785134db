//! ALTER DATABASE name ISOLATION LEVEL {SERIALIZABLE | SNAPSHOT}.

use crate::sql::{AlterDatabase, SqlError, cursor::Cursor};

/// Parses from ALTER on.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<AlterDatabase, SqlError> {
    cursor.expect("alter")?;
    cursor.expect("database")?;
    let name = cursor.identifier()?;
    for (word, what) in [
        ("rename", "RENAME TO"),
        ("owner", "OWNER TO"),
        ("connection", "CONNECTION LIMIT"),
        ("collate", "COLLATE"),
        ("set", "SET"),
    ] {
        if cursor.at(word) {
            let message = format!("ALTER DATABASE … {what} is not supported yet");
            return Err(SqlError::unsupported(message, Some(cursor.position())).with_hint(
                "There is one database, which keeps what it was started with; its ISOLATION LEVEL can be changed.",
            ));
        }
    }
    cursor.expect("isolation")?;
    cursor.expect("level")?;
    let serializable = cursor.take("serializable");
    if !serializable {
        cursor.expect("snapshot")?;
    }
    Ok(AlterDatabase { name, serializable })
}
