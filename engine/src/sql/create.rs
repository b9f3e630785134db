//! CREATE …: which thing, and its parser.

use crate::sql::{CreateSchema, CreateView, SqlError, Statement, create_table, cursor::Cursor};

/// Takes what follows CREATE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let start = cursor.clone();
    let or_replace = cursor.take_all(&["or", "replace"]);
    cursor.take("local");
    let temporary = cursor.take("temp") || cursor.take("temporary");
    if cursor.take("table") && !or_replace {
        return create_table::parse(cursor, temporary);
    }
    if cursor.take("view") && !temporary {
        return view(cursor, or_replace);
    }
    if cursor.take("schema") && !or_replace && !temporary {
        return schema(cursor);
    }
    let what = match cursor.word() {
        Ok(word) => format!("CREATE {}", word.to_uppercase()),
        Err(_) => return Err(start.unexpected()),
    };
    Err(start
        .unsupported(&what, "CREATE TABLE, CREATE TABLE AS, CREATE VIEW and CREATE SCHEMA are."))
}

fn view(cursor: &mut Cursor<'_>, or_replace: bool) -> Result<Statement, SqlError> {
    let name = cursor.qualified_name()?;
    let columns = match cursor.is("as") {
        true => Vec::new(),
        false => cursor.name_list()?,
    };
    cursor.expect("as")?;
    let tokens = cursor.tokens_until(|cursor| {
        let mut ahead = cursor.clone();
        ahead.take_all(&["with", "no", "schema", "binding"]) && ahead.is_at_end()
    });
    let no_schema_binding = !cursor.is_at_end();
    let query = cursor.query_of(tokens)?;
    let (definition, _) = cursor.script.text_of(tokens);
    Ok(Statement::CreateView(CreateView {
        name,
        or_replace,
        columns,
        query,
        definition,
        no_schema_binding,
    }))
}

fn schema(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let if_not_exists = cursor.if_not_exists();
    let named = !cursor.is("authorization");
    let name = if named { Some(cursor.identifier()?) } else { None };
    let authorization = match cursor.take("authorization") {
        true => Some(cursor.identifier()?),
        false => None,
    };
    if cursor.is("quota") {
        return Err(cursor.unsupported("a schema QUOTA", "Leave it out."));
    }
    cursor.expect_end()?;
    // CREATE SCHEMA AUTHORIZATION user makes a schema of the user's name.
    let name = name.or_else(|| authorization.clone()).ok_or_else(|| cursor.unexpected())?;
    Ok(Statement::CreateSchema(CreateSchema { name, if_not_exists, authorization }))
}
