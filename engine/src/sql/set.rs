//! SET, SHOW, RESET.

use sqlparser::tokenizer::Token;

use crate::sql::{Set, SqlError, Statement, cursor::Cursor};

/// Takes what follows SET.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let start = cursor.clone();
    if cursor.take_all(&["session", "authorization"]) || cursor.is("role") {
        return Err(
            start.unsupported("SET SESSION AUTHORIZATION and SET ROLE", "Connect as that user.")
        );
    }
    if cursor.take_all(&["session", "characteristics", "as", "transaction"])
        || cursor.take("transaction")
    {
        return transaction(cursor);
    }
    let local = cursor.take("local");
    if !local {
        cursor.take("session");
    }
    if cursor.take_all(&["time", "zone"]) {
        let values = values(cursor)?;
        return Ok(Statement::Set(Set { name: "timezone".to_owned(), values, local }));
    }
    let name = name(cursor)?;
    if !cursor.take("to") {
        cursor.expect_token(&Token::Eq)?;
    }
    let values = values(cursor)?;
    Ok(Statement::Set(Set { name, values, local }))
}

/// Takes `name` or `a.b`.
fn name(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    let mut name = cursor.word()?;
    while cursor.take_token(&Token::Period) {
        name.push('.');
        name.push_str(&cursor.word()?);
    }
    Ok(name)
}

/// Takes the values up to the end; `None` for DEFAULT.
fn values(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, SqlError> {
    if cursor.take("default") {
        cursor.expect_end()?;
        return Ok(None);
    }
    let mut values = vec![value(cursor)?];
    while cursor.take_token(&Token::Comma) {
        values.push(value(cursor)?);
    }
    cursor.expect_end()?;
    Ok(Some(values))
}

fn value(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    let sign = match cursor.peek() {
        Some(Token::Minus) => "-",
        Some(Token::Plus) => "",
        _ => return unsigned(cursor),
    };
    cursor.advance();
    unsigned(cursor).map(|number| format!("{sign}{number}"))
}

fn unsigned(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    let value = match cursor.peek() {
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => text.clone(),
        Some(Token::Number(text, _)) => text.clone(),
        Some(Token::Word(word)) => word.value.clone(),
        _ => return Err(cursor.unexpected()),
    };
    cursor.advance();
    Ok(value)
}

/// The words of a transaction: every isolation level is taken, and mapped to the one there is.
fn transaction(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let mut level = None;
    let mut read_only = None;
    while !cursor.is_at_end() {
        if cursor.take_all(&["isolation", "level"]) {
            level = Some(isolation_level(cursor)?);
        } else if cursor.take_all(&["read", "only"]) {
            read_only = Some("on");
        } else if cursor.take_all(&["read", "write"]) {
            read_only = Some("off");
        } else if !cursor.take_token(&Token::Comma) {
            return Err(cursor.unexpected());
        }
    }
    let (name, value) = match (level, read_only) {
        (Some(level), _) => ("transaction_isolation", level),
        (None, Some(read_only)) => ("transaction_read_only", read_only.to_owned()),
        (None, None) => return Err(cursor.unexpected()),
    };
    Ok(Statement::Set(Set { name: name.to_owned(), values: Some(vec![value]), local: false }))
}

/// Takes a level's one or two words.
pub(super) fn isolation_level(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    let levels: [&[&str]; 5] = [
        &["serializable"],
        &["snapshot"],
        &["repeatable", "read"],
        &["read", "committed"],
        &["read", "uncommitted"],
    ];
    let found = levels.into_iter().find(|words| cursor.take_all(words));
    found.map(|words| words.join(" ")).ok_or_else(|| cursor.unexpected())
}

/// Takes what follows SHOW.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    const OBJECTS: &[&str] = &[
        "databases",
        "schemas",
        "tables",
        "columns",
        "table",
        "view",
        "external",
        "grants",
        "procedure",
        "procedures",
        "function",
        "functions",
        "constraints",
        "parameters",
        "column",
        "datashares",
        "model",
    ];
    if OBJECTS.iter().any(|word| cursor.is(word)) {
        let start = cursor.clone();
        let what = format!("SHOW {}", cursor.word()?.to_uppercase());
        let instead = "Select from SVV_TABLES, SVV_COLUMNS, PG_TABLE_DEF or information_schema.";
        return Err(start.unsupported(&what, instead));
    }
    let mut words = vec![name(cursor)?];
    while !cursor.is_at_end() {
        words.push(cursor.word()?);
    }
    let known = words.len() == 1
        || matches!(
            words.join(" ").as_str(),
            "transaction isolation level" | "time zone" | "session authorization"
        );
    if known { Ok(Statement::Show(words.join(" "))) } else { Err(cursor.unexpected()) }
}

/// Takes what follows RESET.
pub(super) fn reset(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let name = name(cursor)?;
    cursor.expect_end()?;
    Ok(Statement::Reset(name))
}
