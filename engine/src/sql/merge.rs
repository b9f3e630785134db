//! MERGE INTO t USING s ON condition, with its clauses or REMOVE DUPLICATES.

use sqlparser::{ast, tokenizer::Token};

use crate::sql::{
    Merge, MergeAction, MergeInsert, MergeMatched, SqlError, Target, cursor::Cursor, syntax_error,
    target,
};

/// Parses what follows MERGE.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Merge, SqlError> {
    cursor.expect("into")?;
    let (table, alias) = target::name(cursor)?;
    cursor.expect("using")?;
    let relation = cursor.parser().parse_table_factor();
    let relation = relation.map_err(|error| syntax_error::from_parser(cursor, &error))?;
    cursor.expect("on")?;
    let condition = target::condition(cursor)?;
    let action = action(cursor)?;
    let from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
    let source = target::source(cursor, None, from, Some(condition))?;
    Ok(Merge { target: Target { table, alias, source }, action })
}

fn action(cursor: &mut Cursor<'_>) -> Result<MergeAction, SqlError> {
    if cursor.take_all(&["remove", "duplicates"]) {
        return Ok(MergeAction::RemoveDuplicates);
    }
    let (mut when_matched, mut when_not_matched) = (None, None);
    while cursor.take("when") {
        if cursor.at("not") && when_not_matched.is_none() {
            when_not_matched = Some(not_matched(cursor)?);
        } else if cursor.at("matched") && when_matched.is_none() {
            when_matched = Some(matched(cursor)?);
        } else {
            return Err(cursor.unexpected());
        }
    }
    match (when_matched, when_not_matched) {
        (Some(matched), Some(not_matched)) => Ok(MergeAction::When { matched, not_matched }),
        // Redshift asks for both.
        _ => Err(cursor.unexpected()),
    }
}

fn matched(cursor: &mut Cursor<'_>) -> Result<MergeMatched, SqlError> {
    cursor.expect("matched")?;
    refuse_condition(cursor)?;
    cursor.expect("then")?;
    if cursor.take("delete") {
        return Ok(MergeMatched::Delete);
    }
    cursor.expect("update")?;
    cursor.expect("set")?;
    target::assignments(cursor).map(MergeMatched::Update)
}

fn not_matched(cursor: &mut Cursor<'_>) -> Result<MergeInsert, SqlError> {
    cursor.expect("not")?;
    cursor.expect("matched")?;
    refuse_condition(cursor)?;
    cursor.expect("then")?;
    cursor.expect("insert")?;
    let has_columns = *cursor.peek() == Token::LParen;
    let columns = if has_columns { cursor.column_list()? } else { Vec::new() };
    cursor.expect("values")?;
    cursor.expect_token(&Token::LParen)?;
    let mut values = vec![target::value(cursor)?];
    while cursor.take_token(&Token::Comma) {
        values.push(target::value(cursor)?);
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(MergeInsert { columns, values })
}

/// Refuses PostgreSQL's `WHEN MATCHED AND condition`, which Redshift does not have.
fn refuse_condition(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    if !cursor.at("and") {
        return Ok(());
    }
    let message = "a condition in a WHEN clause of MERGE is not supported";
    Err(SqlError::unsupported(message, Some(cursor.position()))
        .with_hint("Put the condition into the source: merge from a table with these rows only."))
}
