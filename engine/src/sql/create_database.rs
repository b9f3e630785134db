//! CREATE DATABASE name [WITH] [OWNER [=] u] [CONNECTION LIMIT {n | UNLIMITED}] [COLLATE …] [ISOLATION LEVEL …].

use sqlparser::tokenizer::Token;

use crate::sql::{CreateDatabase, SqlError, cursor::Cursor};

/// Parses what follows CREATE DATABASE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CreateDatabase, SqlError> {
    let name = cursor.identifier()?;
    let mut create =
        CreateDatabase { name, owner: None, connection_limit: None, serializable: false };
    cursor.take("with");
    while !cursor.at_end() {
        if cursor.take("owner") {
            cursor.take_token(&Token::Eq);
            create.owner = Some(cursor.identifier()?);
        } else if cursor.at("connection") {
            create.connection_limit = connection_limit(cursor)?;
        } else if cursor.at("collate") {
            collation(cursor)?;
        } else if cursor.at("from") {
            let message = "CREATE DATABASE … FROM is not supported";
            return Err(SqlError::unsupported(message, Some(cursor.position()))
                .with_hint("There are no datashares: COPY the data."));
        } else {
            create.serializable = isolation_level(cursor)?;
        }
    }
    Ok(create)
}

/// Parses CONNECTION LIMIT; `None` is UNLIMITED.
pub(super) fn connection_limit(cursor: &mut Cursor<'_>) -> Result<Option<u32>, SqlError> {
    cursor.expect("connection")?;
    cursor.expect("limit")?;
    if cursor.take("unlimited") {
        return Ok(None);
    }
    // Redshift's limits are integers.
    Ok(Some(u32::try_from(cursor.unsigned()?).unwrap_or(u32::MAX).min(i32::MAX as u32)))
}

/// Parses COLLATE.
pub(super) fn collation(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    cursor.expect("collate")?;
    if cursor.at("case_insensitive") {
        let message = "COLLATE CASE_INSENSITIVE is not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("Compare LOWER() of the columns."));
    }
    cursor.expect("case_sensitive")
}

/// Parses ISOLATION LEVEL; returns whether it is SERIALIZABLE.
pub(super) fn isolation_level(cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
    cursor.expect("isolation")?;
    cursor.expect("level")?;
    let serializable = cursor.take("serializable");
    if !serializable {
        cursor.expect("snapshot")?;
    }
    Ok(serializable)
}
