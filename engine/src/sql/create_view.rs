//! CREATE [OR REPLACE] VIEW v [(columns)] AS query [WITH NO SCHEMA BINDING].

use sqlparser::tokenizer::Token;

use crate::sql::{CreateView, SqlError, cursor::Cursor, query};

/// Parses what follows CREATE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CreateView, SqlError> {
    let or_replace = cursor.take_all(&["or", "replace"]);
    cursor.expect("view")?;
    let name = cursor.qualified_name()?;
    let columns = if *cursor.peek() == Token::LParen { cursor.column_list()? } else { Vec::new() };
    cursor.expect("as")?;
    if !query::starts(cursor) {
        return Err(cursor.unexpected());
    }
    let start = cursor.location();
    let query = cursor.query()?;
    let definition = cursor.text_since(start).to_owned();
    let no_schema_binding = cursor.take_all(&["with", "no", "schema", "binding"]);
    Ok(CreateView { name, or_replace, columns, query, definition, no_schema_binding })
}
