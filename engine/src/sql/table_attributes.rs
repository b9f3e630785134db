//! DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO, BACKUP: the attributes of a table, in any order.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{DistStyleName, SortKeyClause, SqlError, TableAttributes, cursor::Cursor},
};

const COMPOUND_COLUMNS_MAX: usize = 400;
const INTERLEAVED_COLUMNS_MAX: usize = 8;

/// Parses attributes until something else comes.
pub(super) fn parse(
    cursor: &mut Cursor<'_>,
    attributes: &mut TableAttributes,
) -> Result<(), SqlError> {
    loop {
        let position = cursor.position();
        if cursor.take("diststyle") {
            let style = dist_style(cursor)?;
            once(attributes.dist_style.replace(style).is_none(), "DISTSTYLE", position)?;
        } else if cursor.take("distkey") {
            dist_key(attributes, one_column(cursor)?, position)?;
        } else if cursor.at("sortkey") || cursor.at("compound") || cursor.at("interleaved") {
            let clause = sort_key_clause(cursor)?;
            sort_key(attributes, clause, position)?;
        } else if cursor.take("encode") {
            cursor.expect("auto")?;
            attributes.encode_auto = true;
        } else if cursor.take("backup") {
            let word = cursor.take_one_of(&["yes", "no"]).ok_or_else(|| cursor.unexpected())?;
            once(attributes.backup.replace(word == "yes").is_none(), "BACKUP", position)?;
        } else if cursor.take_all(&["on", "commit"]) {
            on_commit(cursor)?;
        } else {
            return Ok(());
        }
    }
}

/// Parses what follows ALTER: DISTSTYLE, DISTKEY c or SORTKEY.
pub(super) fn altered(
    cursor: &mut Cursor<'_>,
    attributes: &mut TableAttributes,
) -> Result<(), SqlError> {
    let position = cursor.position();
    if cursor.take_all(&["sortkey", "none"]) {
        return sort_key(attributes, SortKeyClause::None, position);
    }
    if !cursor.at("diststyle") && !cursor.at("distkey") {
        let clause = sort_key_clause(cursor)?;
        return sort_key(attributes, clause, position);
    }
    let mut style = DistStyleName::Key;
    if cursor.take("diststyle") {
        style = dist_style(cursor)?;
    }
    once(attributes.dist_style.replace(style).is_none(), "DISTSTYLE", position)?;
    if style == DistStyleName::Key {
        cursor.expect("distkey")?;
        dist_key(attributes, cursor.identifier()?, position)?;
    }
    Ok(())
}

/// Fails if attributes contradict each other.
pub(super) fn check(attributes: &TableAttributes, position: usize) -> Result<(), SqlError> {
    let message = match (attributes.dist_style, &attributes.dist_key) {
        (Some(DistStyleName::Key), None) => "DISTSTYLE KEY requires a DISTKEY column",
        (Some(DistStyleName::Even), Some(_)) => "cannot specify DISTKEY with DISTSTYLE EVEN",
        (Some(DistStyleName::All), Some(_)) => "cannot specify DISTKEY with DISTSTYLE ALL",
        (Some(DistStyleName::Auto), Some(_)) => "cannot specify DISTKEY with DISTSTYLE AUTO",
        _ => return Ok(()),
    };
    Err(contradiction(message, position))
}

/// Sets the DISTKEY; a table has one.
pub(super) fn dist_key(
    attributes: &mut TableAttributes,
    column: String,
    position: usize,
) -> Result<(), SqlError> {
    if attributes.dist_key.replace(column).is_some() {
        return Err(contradiction("cannot specify multiple distkey columns", position));
    }
    Ok(())
}

/// Sets the sort key; a table has one.
pub(super) fn sort_key(
    attributes: &mut TableAttributes,
    clause: SortKeyClause,
    position: usize,
) -> Result<(), SqlError> {
    if attributes.sort_key != SortKeyClause::Unspecified {
        return Err(contradiction("cannot specify more than one sort key", position)
            .with_hint("Name all columns in one SORTKEY (…) after the column list."));
    }
    attributes.sort_key = clause;
    Ok(())
}

fn dist_style(cursor: &mut Cursor<'_>) -> Result<DistStyleName, SqlError> {
    match cursor.take_one_of(&["auto", "even", "key", "all"]) {
        Some("auto") => Ok(DistStyleName::Auto),
        Some("even") => Ok(DistStyleName::Even),
        Some("key") => Ok(DistStyleName::Key),
        Some(_) => Ok(DistStyleName::All),
        None => Err(cursor.unexpected().with_hint("DISTSTYLE is AUTO, EVEN, KEY or ALL.")),
    }
}

fn one_column(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let column = cursor.identifier()?;
    if *cursor.peek() == Token::Comma {
        let position = cursor.position();
        return Err(contradiction("cannot specify multiple distkey columns", position));
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(column)
}

fn sort_key_clause(cursor: &mut Cursor<'_>) -> Result<SortKeyClause, SqlError> {
    let interleaved = cursor.take("interleaved");
    let compound = !interleaved && cursor.take("compound");
    cursor.expect("sortkey")?;
    if !interleaved && !compound && cursor.take("auto") {
        return Ok(SortKeyClause::Auto);
    }
    let position = cursor.position();
    let columns = cursor.column_list()?;
    let max = if interleaved { INTERLEAVED_COLUMNS_MAX } else { COMPOUND_COLUMNS_MAX };
    if columns.len() > max {
        let kind = if interleaved { "an interleaved" } else { "a compound" };
        return Err(SqlError {
            sqlstate: SqlState::PROGRAM_LIMIT_EXCEEDED,
            message: format!("{kind} sort key can have at most {max} columns"),
            hint: None,
            position: Some(position),
        });
    }
    if let Some(column) = first_duplicate(&columns) {
        let message = format!("column \"{column}\" appears twice in the sort key");
        return Err(SqlError {
            sqlstate: SqlState::DUPLICATE_COLUMN,
            message,
            hint: None,
            position: Some(position),
        });
    }
    if interleaved {
        return Ok(SortKeyClause::Interleaved(columns));
    }
    Ok(SortKeyClause::Compound(columns))
}

/// Returns the first name that is there twice.
pub(super) fn first_duplicate(names: &[String]) -> Option<&String> {
    let mut seen = std::collections::HashSet::new();
    names.iter().find(|name| !seen.insert(name.as_str()))
}

/// Tableau says ON COMMIT PRESERVE ROWS of its temporary tables, which is what happens anyway.
fn on_commit(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    if cursor.take_all(&["preserve", "rows"]) {
        return Ok(());
    }
    if cursor.at("drop") || cursor.at_all(&["delete", "rows"]) {
        let message = "ON COMMIT DROP and ON COMMIT DELETE ROWS are not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("DROP or TRUNCATE the table when it is no longer needed."));
    }
    Err(cursor.unexpected())
}

fn once(first: bool, what: &str, position: usize) -> Result<(), SqlError> {
    if first {
        return Ok(());
    }
    Err(contradiction(&format!("{what} is specified twice"), position))
}

/// Returns the error of attributes that exclude each other.
pub(super) fn contradiction(message: &str, position: usize) -> SqlError {
    SqlError {
        sqlstate: SqlState::INVALID_TABLE_DEFINITION,
        message: message.to_owned(),
        hint: None,
        position: Some(position),
    }
}
