//! UPDATE t [[AS] a] SET column = value | DEFAULT, … [FROM table, …] [WHERE condition].

use sqlparser::ast;

use crate::sql::{SqlError, Target, Update, cursor::Cursor, delete, target};

/// Parses what follows UPDATE.
pub(super) fn parse(cursor: &mut Cursor<'_>, with: Option<ast::With>) -> Result<Update, SqlError> {
    let (table, alias) = target::name(cursor)?;
    cursor.expect("set")?;
    let assignments = target::assignments(cursor)?;
    let from = if cursor.take("from") { target::tables(cursor)? } else { Vec::new() };
    let selection = if cursor.take("where") { Some(target::condition(cursor)?) } else { None };
    delete::refuse_returning(cursor, "UPDATE")?;
    let source = target::source(cursor, with, from, selection)?;
    Ok(Update { target: Target { table, alias, source }, assignments })
}
