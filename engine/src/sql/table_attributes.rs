//! DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO, BACKUP: the attributes of a table, in any order.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{DistStyleName, SortKeyClause, SqlError, TableAttributes, cursor::Cursor},
};

/// Columns a compound sort key may have.
const COMPOUND_COLUMNS_MAX: usize = 400;
/// Columns an interleaved sort key may have.
const INTERLEAVED_COLUMNS_MAX: usize = 8;

/// Takes attributes for as long as there are some, on top of those that columns gave.
pub(super) fn parse(
    cursor: &mut Cursor<'_>,
    attributes: &mut TableAttributes,
) -> Result<(), SqlError> {
    while !cursor.is_at_end() && !cursor.is("as") {
        if !one(cursor, attributes)? {
            return Err(cursor.unexpected());
        }
    }
    Ok(())
}

fn one(cursor: &mut Cursor<'_>, attributes: &mut TableAttributes) -> Result<bool, SqlError> {
    let start = cursor.clone();
    if cursor.take("diststyle") {
        let style = dist_style(cursor)?;
        if attributes.dist_style.replace(style).is_some() {
            return Err(twice(&start, "DISTSTYLE"));
        }
    } else if cursor.take("distkey") {
        cursor.expect_token(&Token::LParen)?;
        let column = cursor.identifier()?;
        cursor.expect_token(&Token::RParen)?;
        set_dist_key(&start, attributes, column)?;
    } else if cursor.are("sortkey", "auto") {
        cursor.advance();
        cursor.advance();
        set_sort_key(&start, attributes, SortKeyClause::Auto)?;
    } else if cursor.take("interleaved") {
        cursor.expect("sortkey")?;
        let columns = cursor.name_list()?;
        limit(&start, "an interleaved sort key", columns.len(), INTERLEAVED_COLUMNS_MAX)?;
        set_sort_key(&start, attributes, SortKeyClause::Interleaved(columns))?;
    } else if cursor.is("compound") || cursor.is("sortkey") {
        cursor.take("compound");
        cursor.expect("sortkey")?;
        let columns = cursor.name_list()?;
        limit(&start, "a compound sort key", columns.len(), COMPOUND_COLUMNS_MAX)?;
        set_sort_key(&start, attributes, SortKeyClause::Compound(columns))?;
    } else if cursor.take_all(&["encode", "auto"]) {
        attributes.encode_auto = true;
    } else if cursor.take("backup") {
        let yes = cursor.take("yes");
        if !yes {
            cursor.expect("no")?;
        }
        attributes.backup = Some(yes);
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn dist_style(cursor: &mut Cursor<'_>) -> Result<DistStyleName, SqlError> {
    let styles = [
        ("auto", DistStyleName::Auto),
        ("even", DistStyleName::Even),
        ("key", DistStyleName::Key),
        ("all", DistStyleName::All),
    ];
    let found = styles.into_iter().find(|(word, _)| cursor.is(word));
    let (_, style) = found
        .ok_or_else(|| cursor.unexpected().with_hint("DISTSTYLE is AUTO, EVEN, KEY or ALL."))?;
    cursor.advance();
    Ok(style)
}

/// Notes the DISTKEY that a column or the table names.
pub(super) fn set_dist_key(
    at: &Cursor<'_>,
    attributes: &mut TableAttributes,
    column: String,
) -> Result<(), SqlError> {
    if attributes.dist_key.replace(column).is_some() {
        return Err(twice(at, "DISTKEY"));
    }
    Ok(())
}

/// Notes a SORTKEY clause.
pub(super) fn set_sort_key(
    at: &Cursor<'_>,
    attributes: &mut TableAttributes,
    clause: SortKeyClause,
) -> Result<(), SqlError> {
    if attributes.sort_key != SortKeyClause::Unspecified {
        return Err(twice(at, "SORTKEY"));
    }
    attributes.sort_key = clause;
    Ok(())
}

/// Checks what only shows when all attributes are known.
pub(super) fn check(
    at: &Cursor<'_>,
    attributes: &TableAttributes,
    columns: &[&str],
) -> Result<(), SqlError> {
    match (attributes.dist_style, &attributes.dist_key) {
        (
            Some(style @ (DistStyleName::Even | DistStyleName::All | DistStyleName::Auto)),
            Some(_),
        ) => {
            let style = format!("{style:?}").to_uppercase();
            return Err(invalid(at, format!("DISTKEY cannot be given with DISTSTYLE {style}")));
        }
        (Some(DistStyleName::Key), None) => {
            return Err(invalid(at, "DISTSTYLE KEY requires a DISTKEY column".to_owned()));
        }
        _ => {}
    }
    let sort_columns = match &attributes.sort_key {
        SortKeyClause::Compound(names) | SortKeyClause::Interleaved(names) => names.as_slice(),
        _ => &[],
    };
    for (position, name) in sort_columns.iter().enumerate() {
        if sort_columns[..position].contains(name) {
            return Err(invalid(at, format!("column \"{name}\" is in the sort key twice")));
        }
    }
    for name in sort_columns.iter().chain(&attributes.dist_key) {
        if !columns.is_empty() && !columns.contains(&name.as_str()) {
            let message = format!("column \"{name}\" named in key does not exist");
            let sqlstate = SqlState::UNDEFINED_COLUMN;
            return Err(SqlError { sqlstate, message, hint: None, position: at.position() });
        }
    }
    Ok(())
}

fn limit(at: &Cursor<'_>, what: &str, count: usize, most: usize) -> Result<(), SqlError> {
    if count <= most {
        return Ok(());
    }
    Err(invalid(at, format!("{what} can have at most {most} columns")))
}

fn twice(at: &Cursor<'_>, what: &str) -> SqlError {
    invalid(at, format!("{what} specified more than once"))
}

fn invalid(at: &Cursor<'_>, message: String) -> SqlError {
    let sqlstate = SqlState::INVALID_TABLE_DEFINITION;
    SqlError { sqlstate, message, hint: None, position: at.position() }
}
