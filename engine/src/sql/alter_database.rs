//! ALTER DATABASE name {RENAME TO | OWNER TO | CONNECTION LIMIT | COLLATE | ISOLATION LEVEL}.

use crate::sql::{
    AlterDatabase, AlterDatabaseAction, SqlError,
    create_database::{collation, connection_limit, isolation_level},
    cursor::Cursor,
};

/// Parses from ALTER on.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<AlterDatabase, SqlError> {
    cursor.expect("alter")?;
    cursor.expect("database")?;
    let name = cursor.identifier()?;
    if cursor.at("set") {
        let message = "ALTER DATABASE … SET is not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("Use SET in each session, or the options of the connection."));
    }
    let action = if cursor.take_all(&["rename", "to"]) {
        AlterDatabaseAction::Rename(cursor.identifier()?)
    } else if cursor.take_all(&["owner", "to"]) {
        AlterDatabaseAction::Owner(cursor.identifier()?)
    } else if cursor.at("connection") {
        AlterDatabaseAction::ConnectionLimit(connection_limit(cursor)?)
    } else if cursor.at("collate") {
        collation(cursor)?;
        AlterDatabaseAction::CaseSensitive
    } else {
        AlterDatabaseAction::Isolation { serializable: isolation_level(cursor)? }
    };
    Ok(AlterDatabase { name, action })
}
