//! DROP TABLE | VIEW | SCHEMA [IF EXISTS] a, b [CASCADE | RESTRICT].

use sqlparser::tokenizer::Token;

use crate::sql::{Drop, DropKind, QualifiedName, SqlError, cursor::Cursor};

/// Parses what follows DROP.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Drop, SqlError> {
    let kind = match cursor.take_one_of(&["table", "view", "schema"]) {
        Some("table") => DropKind::Table,
        Some("view") => DropKind::View,
        Some(_) => DropKind::Schema,
        None => return Err(cursor.unexpected()),
    };
    let if_exists = cursor.take_all(&["if", "exists"]);
    let mut names = vec![name(cursor, kind)?];
    while cursor.take_token(&Token::Comma) {
        names.push(name(cursor, kind)?);
    }
    let cascade = cursor.take("cascade");
    if !cascade {
        cursor.take("restrict");
    }
    Ok(Drop { kind, names, if_exists, cascade })
}

fn name(cursor: &mut Cursor<'_>, kind: DropKind) -> Result<QualifiedName, SqlError> {
    match kind {
        DropKind::Schema => {
            let name = cursor.identifier()?;
            Ok(QualifiedName { database: None, schema: None, name })
        }
        DropKind::Table | DropKind::View => cursor.qualified_name(),
    }
}
