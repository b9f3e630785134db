//! DROP TABLE | VIEW | SCHEMA.

use sqlparser::tokenizer::Token;

use crate::sql::{Drop, DropKind, SqlError, Statement, cursor::Cursor};

/// Takes what follows DROP.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let start = cursor.clone();
    let kind = match cursor.word()?.as_str() {
        "table" => DropKind::Table,
        "view" => DropKind::View,
        "schema" => DropKind::Schema,
        other => {
            let what = format!("DROP {}", other.to_uppercase());
            return Err(start.unsupported(&what, "DROP TABLE, DROP VIEW and DROP SCHEMA are."));
        }
    };
    let if_exists = cursor.take_all(&["if", "exists"]);
    let mut names = vec![cursor.qualified_name()?];
    while cursor.take_token(&Token::Comma) {
        names.push(cursor.qualified_name()?);
    }
    let cascade = cursor.take("cascade");
    if !cascade {
        cursor.take("restrict");
    }
    cursor.expect_end()?;
    Ok(Statement::Drop(Drop { kind, names, if_exists, cascade }))
}
