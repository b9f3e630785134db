//! PRIMARY KEY, UNIQUE and FOREIGN KEY: kept for the planner, never enforced.

use sqlparser::tokenizer::Token;

use crate::sql::{Constraint, ConstraintKind, SqlError, cursor::Cursor};

/// Parses a table constraint if one comes next.
pub(super) fn of_table(cursor: &mut Cursor<'_>) -> Result<Option<Constraint>, SqlError> {
    let name = name(cursor)?;
    let kind = if cursor.take_all(&["primary", "key"]) {
        ConstraintKind::PrimaryKey
    } else if cursor.take("unique") {
        ConstraintKind::Unique
    } else if cursor.take_all(&["foreign", "key"]) {
        let columns = cursor.column_list()?;
        cursor.expect("references")?;
        let kind = references(cursor)?;
        return Ok(Some(Constraint { name, kind, columns }));
    } else {
        refuse_check(cursor)?;
        return if name.is_some() { Err(cursor.unexpected()) } else { Ok(None) };
    };
    let columns = cursor.column_list()?;
    after(cursor);
    Ok(Some(Constraint { name, kind, columns }))
}

/// Parses a constraint of one column if one comes next.
pub(super) fn of_column(
    cursor: &mut Cursor<'_>,
    column: &str,
) -> Result<Option<Constraint>, SqlError> {
    let name = name(cursor)?;
    let kind = if cursor.take_all(&["primary", "key"]) {
        ConstraintKind::PrimaryKey
    } else if cursor.take("unique") {
        ConstraintKind::Unique
    } else if cursor.take("references") {
        references(cursor)?
    } else {
        refuse_check(cursor)?;
        // CONSTRAINT x NOT NULL: the name of what is no constraint of ours is dropped.
        let nullness = cursor.at("not") || cursor.at("null");
        return if name.is_some() && !nullness { Err(cursor.unexpected()) } else { Ok(None) };
    };
    after(cursor);
    Ok(Some(Constraint { name, kind, columns: vec![column.to_owned()] }))
}

fn name(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    if cursor.take("constraint") { cursor.identifier().map(Some) } else { Ok(None) }
}

fn references(cursor: &mut Cursor<'_>) -> Result<ConstraintKind, SqlError> {
    let table = cursor.qualified_name()?;
    let columns = if *cursor.peek() == Token::LParen { cursor.column_list()? } else { Vec::new() };
    while cursor.take("on") {
        if cursor.take_one_of(&["delete", "update"]).is_none() {
            return Err(cursor.unexpected());
        }
        if !cursor.take_all(&["no", "action"]) {
            let message = "foreign keys are not enforced, so nothing can follow from them";
            return Err(SqlError::unsupported(message, Some(cursor.position()))
                .with_hint("Leave ON DELETE and ON UPDATE out."));
        }
    }
    after(cursor);
    Ok(ConstraintKind::ForeignKey { table, columns })
}

/// Reads what PostgreSQL's dumps say of every constraint, and what means nothing where none is enforced.
fn after(cursor: &mut Cursor<'_>) {
    while cursor.take_all(&["not", "deferrable"])
        || cursor.take("deferrable")
        || cursor.take_all(&["initially", "immediate"])
        || cursor.take_all(&["initially", "deferred"])
    {}
}

fn refuse_check(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    if !cursor.at("check") {
        return Ok(());
    }
    Err(SqlError::unsupported("CHECK constraints are not supported", Some(cursor.position()))
        .with_hint("Check the rows where they are loaded, as with Redshift."))
}
