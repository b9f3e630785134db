//! DELETE [FROM] t [[AS] a] [USING table, …] [WHERE condition].

use sqlparser::ast;

use crate::sql::{Delete, SqlError, Target, cursor::Cursor, target};

/// Parses what follows DELETE.
pub(super) fn parse(cursor: &mut Cursor<'_>, with: Option<ast::With>) -> Result<Delete, SqlError> {
    cursor.take("from");
    let (table, alias) = target::name(cursor)?;
    let from = if cursor.take("using") { target::tables(cursor)? } else { Vec::new() };
    let selection = if cursor.take("where") { Some(target::condition(cursor)?) } else { None };
    refuse_returning(cursor, "DELETE")?;
    let source = target::source(cursor, with, from, selection)?;
    Ok(Delete { target: Target { table, alias, source } })
}

/// Refuses PostgreSQL's RETURNING, which Redshift does not have.
pub(super) fn refuse_returning(cursor: &Cursor<'_>, statement: &str) -> Result<(), SqlError> {
    if !cursor.at("returning") {
        return Ok(());
    }
    let message = format!("{statement} … RETURNING is not supported");
    Err(SqlError::unsupported(message, Some(cursor.position()))
        .with_hint("Query the rows before or after the statement, in one transaction."))
}
