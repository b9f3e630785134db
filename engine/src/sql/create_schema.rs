//! CREATE SCHEMA [IF NOT EXISTS] s [AUTHORIZATION u].

use crate::sql::{CreateSchema, SqlError, cursor::Cursor};

/// Parses what follows CREATE SCHEMA.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CreateSchema, SqlError> {
    let if_not_exists = cursor.take_all(&["if", "not", "exists"]);
    // CREATE SCHEMA AUTHORIZATION u makes a schema named after the user.
    if cursor.take("authorization") {
        let user = cursor.identifier()?;
        let authorization = Some(user.clone());
        return Ok(CreateSchema { name: user, if_not_exists, authorization });
    }
    let name = cursor.identifier()?;
    let authorization =
        if cursor.take("authorization") { Some(cursor.identifier()?) } else { None };
    if cursor.at("quota") {
        let message = "CREATE SCHEMA … QUOTA is not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("Leave QUOTA out: schemas have no limit of their own."));
    }
    Ok(CreateSchema { name, if_not_exists, authorization })
}
