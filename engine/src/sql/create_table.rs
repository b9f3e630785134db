//! CREATE [[LOCAL] TEMP] TABLE [IF NOT EXISTS] t (columns and constraints) [attributes].

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{
        ColumnDefinition, Constraint, ConstraintKind, CreateTable, LikeClause, QualifiedName,
        SortKeyClause, SqlError, Statement, TableAttributes, column_definition, constraint,
        create_table_as::{self, Head},
        cursor::Cursor,
        table_attributes,
    },
};

const COLUMNS_MAX: usize = 1_600;

/// A table that is being read.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) columns: Vec<ColumnDefinition>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) attributes: TableAttributes,
    like: Option<LikeClause>,
}

/// Parses what follows CREATE: a table, or a table from a query.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let temporary = temporary(cursor)?;
    cursor.expect("table")?;
    let if_not_exists = cursor.take_all(&["if", "not", "exists"]);
    let name = cursor.qualified_name()?;
    let temporary = temporary || name.name.starts_with('#');
    let start = cursor.position();
    if is_table_as(cursor) {
        let columns =
            if *cursor.peek() == Token::LParen { cursor.column_list()? } else { Vec::new() };
        let head = Head { name, temporary, if_not_exists, columns };
        return create_table_as::parse(cursor, head).map(Statement::CreateTableAs);
    }
    let mut draft = Draft::default();
    cursor.expect_token(&Token::LParen)?;
    loop {
        element(cursor, &mut draft, &name)?;
        if !cursor.take_token(&Token::Comma) {
            cursor.expect_token(&Token::RParen)?;
            break;
        }
    }
    table_attributes::parse(cursor, &mut draft.attributes)?;
    refuse_postgresql(cursor)?;
    check(&mut draft, &name, start)?;
    let Draft { columns, constraints, attributes, like } = draft;
    Ok(Statement::CreateTable(CreateTable {
        name,
        temporary,
        if_not_exists,
        like,
        columns,
        constraints,
        attributes,
    }))
}

fn temporary(cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
    let local = cursor.take("local");
    if cursor.take_one_of(&["temp", "temporary"]).is_some() {
        return Ok(true);
    }
    if local { Err(cursor.unexpected()) } else { Ok(false) }
}

/// Returns whether a query's attributes or column names follow rather than definitions.
fn is_table_as(cursor: &Cursor<'_>) -> bool {
    if *cursor.peek() != Token::LParen {
        return true;
    }
    // A definition has a type after its name, a list of names has a comma or its end.
    matches!(cursor.peek_nth(1), Token::Word(_))
        && matches!(cursor.peek_nth(2), Token::Comma | Token::RParen)
}

fn element(
    cursor: &mut Cursor<'_>,
    draft: &mut Draft,
    name: &QualifiedName,
) -> Result<(), SqlError> {
    if cursor.take("like") {
        let parent = cursor.qualified_name()?;
        let including_defaults = including_defaults(cursor)?;
        if draft.like.is_some() || !draft.columns.is_empty() {
            let message = "LIKE stands alone in a column list";
            return Err(SqlError::unsupported(message, Some(cursor.last_position()))
                .with_hint("Create the table LIKE the other and add columns by CREATE TABLE AS."));
        }
        draft.like = Some(LikeClause { parent, including_defaults });
        return Ok(());
    }
    if draft.like.is_some() {
        return Err(cursor.unexpected());
    }
    if let Some(constraint) = constraint::of_table(cursor)? {
        draft.constraints.push(constraint);
        return Ok(());
    }
    column_definition::parse(cursor, draft, name)
}

fn including_defaults(cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
    let mut including = false;
    while let Some(word) = cursor.take_one_of(&["including", "excluding"]) {
        if !cursor.take("defaults") {
            let message = "LIKE … INCLUDING and EXCLUDING know DEFAULTS only";
            return Err(SqlError::unsupported(message, Some(cursor.position())));
        }
        including = word == "including";
    }
    Ok(including)
}

fn refuse_postgresql(cursor: &Cursor<'_>) -> Result<(), SqlError> {
    for word in ["with", "tablespace", "inherits", "partition", "using"] {
        if cursor.at(word) {
            let message = format!("CREATE TABLE … {} is not supported", word.to_uppercase());
            return Err(SqlError::unsupported(message, Some(cursor.position()))
                .with_hint("Leave it out; DISTSTYLE, DISTKEY and SORTKEY say where rows lie."));
        }
    }
    Ok(())
}

/// Checks what needs the whole statement, and marks the columns of the primary key NOT NULL.
fn check(draft: &mut Draft, name: &QualifiedName, start: usize) -> Result<(), SqlError> {
    if draft.columns.len() > COLUMNS_MAX {
        return Err(SqlError {
            sqlstate: SqlState::PROGRAM_LIMIT_EXCEEDED,
            message: format!("tables can have at most {COLUMNS_MAX} columns"),
            hint: None,
            position: Some(start),
        });
    }
    table_attributes::check(&draft.attributes, start)?;
    let mut named: Vec<&String> = draft.attributes.dist_key.iter().collect();
    if let SortKeyClause::Compound(columns) | SortKeyClause::Interleaved(columns) =
        &draft.attributes.sort_key
    {
        named.extend(columns);
    }
    named.extend(draft.constraints.iter().flat_map(|constraint| &constraint.columns));
    // LIKE brings columns that are not known here.
    if draft.like.is_none() {
        for column in named {
            if !draft.columns.iter().any(|definition| definition.name == *column) {
                return Err(SqlError {
                    sqlstate: SqlState::UNDEFINED_COLUMN,
                    message: format!("column \"{column}\" named in key does not exist"),
                    hint: None,
                    position: Some(start),
                });
            }
        }
    }
    let mut primary = draft.constraints.iter().filter(|c| c.kind == ConstraintKind::PrimaryKey);
    let key = primary.next();
    if primary.next().is_some() {
        let message = format!("multiple primary keys for table \"{}\" are not allowed", name.name);
        return Err(table_attributes::contradiction(&message, start));
    }
    for column in key.map(|key| key.columns.clone()).unwrap_or_default() {
        for definition in draft.columns.iter_mut().filter(|c| c.name == column) {
            definition.not_null = true;
        }
    }
    Ok(())
}
