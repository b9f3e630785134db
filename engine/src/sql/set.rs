//! SET and RESET, in all their spellings.

use sqlparser::tokenizer::Token;

use crate::sql::{Set, SqlError, Statement, cursor::Cursor, transaction};

/// Parses what follows SET.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.take_all(&["session", "characteristics", "as", "transaction"]) {
        return transaction::set(cursor, true);
    }
    if cursor.take("transaction") {
        return transaction::set(cursor, false);
    }
    parameter(cursor).map(Statement::Set)
}

fn parameter(cursor: &mut Cursor<'_>) -> Result<Set, SqlError> {
    let followed_by_name = matches!(cursor.peek_nth(1), Token::Word(word) if word.value != "to");
    let local = followed_by_name && cursor.take("local");
    if !local && followed_by_name {
        cursor.take("session");
    }
    refuse(cursor)?;
    if cursor.take_all(&["time", "zone"]) {
        return Ok(Set { name: "timezone".to_owned(), values: time_zone(cursor)?, local });
    }
    if cursor.take("names") {
        let values = if cursor.take("default") { None } else { Some(vec![value(cursor, false)?]) };
        return Ok(Set { name: "client_encoding".to_owned(), values, local });
    }
    let name = parameter_name(cursor)?;
    if !cursor.take_token(&Token::Eq) {
        cursor.expect("to")?;
    }
    Ok(Set { values: values(cursor, &name)?, name, local })
}

/// Parses what follows RESET.
pub(super) fn reset(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    if cursor.take_all(&["time", "zone"]) {
        return Ok("timezone".to_owned());
    }
    if cursor.take("all") {
        return Ok("all".to_owned());
    }
    if cursor.take_all(&["transaction", "isolation", "level"]) {
        return Ok("transaction_isolation".to_owned());
    }
    refuse(cursor)?;
    parameter_name(cursor)
}

/// Parses the name of a parameter: `name` or `prefix.name`.
pub(super) fn parameter_name(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    let mut name = cursor.identifier()?;
    while cursor.take_token(&Token::Period) {
        name.push('.');
        name.push_str(&cursor.identifier()?);
    }
    Ok(name)
}

/// Refuses what shares its first word with parameters.
fn refuse(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    let (what, hint) = if cursor.at("authorization") || cursor.at_all(&["session", "authorization"])
    {
        ("SET SESSION AUTHORIZATION", "Connect as that user.")
    } else if cursor.at("role") && !matches!(cursor.peek_nth(1), Token::Eq) {
        ("SET ROLE", "Connect as a user with the rights needed.")
    } else if cursor.at("constraints") {
        ("SET CONSTRAINTS", "Constraints are never enforced.")
    } else {
        return Ok(());
    };
    let message = format!("{what} is not supported");
    Err(SqlError::unsupported(message, Some(cursor.position())).with_hint(hint))
}

fn time_zone(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, SqlError> {
    if cursor.take("default") || cursor.take("local") {
        return Ok(None);
    }
    if cursor.at("interval") {
        let message = "SET TIME ZONE INTERVAL is not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("Name the zone: SET TIME ZONE 'Europe/Berlin'."));
    }
    Ok(Some(vec![value(cursor, true)?]))
}

/// Parses values with commas between them, or DEFAULT.
fn values(cursor: &mut Cursor<'_>, name: &str) -> Result<Option<Vec<String>>, SqlError> {
    if cursor.take("default") {
        return Ok(None);
    }
    // The names of zones and date styles are known by the case they are written in.
    let as_written = matches!(name, "timezone" | "datestyle" | "client_encoding");
    let mut values = vec![value(cursor, as_written)?];
    while cursor.take_token(&Token::Comma) {
        values.push(value(cursor, as_written)?);
    }
    Ok(Some(values))
}

fn value(cursor: &mut Cursor<'_>, as_written: bool) -> Result<String, SqlError> {
    if let Some(text) = cursor.take_string() {
        return Ok(text);
    }
    let written = cursor.peek_text();
    let text = match cursor.peek() {
        Token::Word(word) if as_written && word.quote_style.is_none() => written.to_owned(),
        Token::Word(word) => word.value.clone(),
        Token::Number(digits, _) => digits.clone(),
        sign @ (Token::Minus | Token::Plus) => {
            let Token::Number(digits, _) = cursor.peek_nth(1) else {
                return Err(cursor.unexpected());
            };
            let text = if *sign == Token::Minus { format!("-{digits}") } else { digits.clone() };
            cursor.advance();
            text
        }
        _ => return Err(cursor.unexpected()),
    };
    cursor.advance();
    Ok(text)
}
