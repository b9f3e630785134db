//! CREATE TABLE: columns, LIKE, or AS a query, with attributes in any order.

use sqlparser::tokenizer::Token;

use crate::{
    client_error::SqlState,
    sql::{
        ColumnDefinition, Constraint, ConstraintKind, CreateTable, CreateTableAs, LikeClause,
        QualifiedName, SortKeyClause, SqlError, Statement, TableAttributes, column_definition,
        cursor::Cursor, table_attributes,
    },
};

/// Takes what follows CREATE [TEMP] TABLE.
pub(super) fn parse(cursor: &mut Cursor<'_>, temporary: bool) -> Result<Statement, SqlError> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.qualified_name()?;
    let temporary = temporary || name.name.starts_with('#');
    let mut attributes = TableAttributes::default();
    let names = column_names(cursor)?;
    if let Some(columns) = names {
        return table_as(cursor, name, temporary, if_not_exists, columns);
    }
    if cursor.peek() != Some(&Token::LParen) {
        return table_as(cursor, name, temporary, if_not_exists, Vec::new());
    }
    let start = cursor.clone();
    cursor.expect_token(&Token::LParen)?;
    let mut body = Body::default();
    body.parse(cursor, &mut attributes)?;
    table_attributes::parse(cursor, &mut attributes)?;
    cursor.expect_end()?;
    let column_names: Vec<&str> = body.columns.iter().map(|c| c.name.as_str()).collect();
    table_attributes::check(&start, &attributes, &column_names)?;
    let Body { mut columns, constraints, like, .. } = body;
    require_key_columns(&start, &mut columns, &constraints)?;
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

/// Takes `(a, b)` if that is a list of names only: the columns of a CREATE TABLE AS.
fn column_names(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, SqlError> {
    let mut ahead = cursor.clone();
    if !ahead.take_token(&Token::LParen) || ahead.identifier().is_err() {
        return Ok(None);
    }
    if !matches!(ahead.peek(), Some(Token::Comma | Token::RParen)) {
        return Ok(None);
    }
    cursor.name_list().map(Some)
}

fn table_as(
    cursor: &mut Cursor<'_>,
    name: QualifiedName,
    temporary: bool,
    if_not_exists: bool,
    columns: Vec<String>,
) -> Result<Statement, SqlError> {
    let start = cursor.clone();
    let mut attributes = TableAttributes::default();
    table_attributes::parse(cursor, &mut attributes)?;
    cursor.expect("as")?;
    let query = cursor.query()?;
    let known: Vec<&str> = columns.iter().map(String::as_str).collect();
    table_attributes::check(&start, &attributes, &known)?;
    let create = CreateTableAs { name, temporary, if_not_exists, columns, attributes, query };
    Ok(Statement::CreateTableAs(create))
}

/// What stands between the parentheses.
#[derive(Default)]
struct Body {
    columns: Vec<ColumnDefinition>,
    constraints: Vec<Constraint>,
    like: Option<LikeClause>,
    sort_columns: Vec<String>,
}

impl Body {
    fn parse(
        &mut self,
        cursor: &mut Cursor<'_>,
        attributes: &mut TableAttributes,
    ) -> Result<(), SqlError> {
        loop {
            if cursor.take("like") {
                self.like = Some(like(cursor)?);
            } else if !self.constraint(cursor)? {
                self.column(cursor, attributes)?;
            }
            if !cursor.take_token(&Token::Comma) {
                break;
            }
        }
        let end = cursor.clone();
        cursor.expect_token(&Token::RParen)?;
        if !self.sort_columns.is_empty() {
            let clause = SortKeyClause::Compound(std::mem::take(&mut self.sort_columns));
            table_attributes::set_sort_key(&end, attributes, clause)?;
        }
        if self.like.is_some() && !self.columns.is_empty() {
            return Err(end.unsupported("LIKE beside column definitions", "Use one of them."));
        }
        Ok(())
    }

    fn column(
        &mut self,
        cursor: &mut Cursor<'_>,
        attributes: &mut TableAttributes,
    ) -> Result<(), SqlError> {
        let start = cursor.clone();
        let column = column_definition::parse(cursor)?;
        let name = &column.definition.name;
        if self.columns.iter().any(|known| known.name == *name) {
            return Err(SqlError {
                sqlstate: SqlState::DUPLICATE_COLUMN,
                message: format!("column \"{name}\" specified more than once"),
                hint: None,
                position: start.position(),
            });
        }
        if column.dist_key {
            table_attributes::set_dist_key(&start, attributes, name.clone())?;
        }
        if column.sort_key {
            self.sort_columns.push(name.clone());
        }
        self.constraints.extend(column.constraints);
        self.columns.push(column.definition);
        Ok(())
    }

    /// Takes a table constraint if one is next.
    fn constraint(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
        let name = match cursor.take("constraint") {
            true => Some(cursor.identifier()?),
            false => None,
        };
        if cursor.take_all(&["primary", "key"]) {
            let columns = cursor.name_list()?;
            self.constraints.push(Constraint { name, kind: ConstraintKind::PrimaryKey, columns });
        } else if cursor.is("unique") && cursor.peek_second() == Some(&Token::LParen) {
            cursor.advance();
            let columns = cursor.name_list()?;
            self.constraints.push(Constraint { name, kind: ConstraintKind::Unique, columns });
        } else if cursor.take_all(&["foreign", "key"]) {
            let columns = cursor.name_list()?;
            cursor.expect("references")?;
            let kind = references(cursor)?;
            self.constraints.push(Constraint { name, kind, columns });
        } else if cursor.is("check") {
            return Err(
                cursor.unsupported("a CHECK constraint", "Redshift has none; check with a query.")
            );
        } else if name.is_some() {
            return Err(cursor.unexpected());
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// Takes what follows REFERENCES.
pub(super) fn references(cursor: &mut Cursor<'_>) -> Result<ConstraintKind, SqlError> {
    let table = cursor.qualified_name()?;
    let columns = match cursor.peek() {
        Some(Token::LParen) => cursor.name_list()?,
        _ => Vec::new(),
    };
    Ok(ConstraintKind::ForeignKey { table, columns })
}

fn like(cursor: &mut Cursor<'_>) -> Result<LikeClause, SqlError> {
    let parent = cursor.qualified_name()?;
    let including_defaults = cursor.take_all(&["including", "defaults"]);
    if !including_defaults {
        cursor.take_all(&["excluding", "defaults"]);
    }
    Ok(LikeClause { parent, including_defaults })
}

/// The columns of a constraint exist; those of the primary key are NOT NULL.
fn require_key_columns(
    at: &Cursor<'_>,
    columns: &mut [ColumnDefinition],
    constraints: &[Constraint],
) -> Result<(), SqlError> {
    let mut primary_keys = 0;
    for constraint in constraints {
        let is_primary = constraint.kind == ConstraintKind::PrimaryKey;
        primary_keys += usize::from(is_primary);
        for name in &constraint.columns {
            match columns.iter_mut().find(|column| column.name == *name) {
                Some(column) => column.not_null |= is_primary,
                None => {
                    let message = format!("column \"{name}\" named in key does not exist");
                    let sqlstate = SqlState::UNDEFINED_COLUMN;
                    return Err(SqlError {
                        sqlstate,
                        message,
                        hint: None,
                        position: at.position(),
                    });
                }
            }
        }
    }
    if primary_keys > 1 {
        let message = "multiple primary keys for one table are not allowed".to_owned();
        let sqlstate = SqlState::INVALID_TABLE_DEFINITION;
        return Err(SqlError { sqlstate, message, hint: None, position: at.position() });
    }
    Ok(())
}
