//! BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT, and the modes of a transaction.

use sqlparser::tokenizer::Token;

use crate::sql::{SqlError, Statement, TransactionModes, cursor::Cursor};

/// Parses what follows BEGIN or START.
pub(super) fn begin(cursor: &mut Cursor<'_>, word: &str) -> Result<Statement, SqlError> {
    if word == "start" {
        cursor.expect("transaction")?;
    } else {
        cursor.take_one_of(&["work", "transaction"]);
    }
    modes(cursor).map(Statement::Begin)
}

/// Parses what follows COMMIT, END, ROLLBACK or ABORT.
pub(super) fn end(cursor: &mut Cursor<'_>, statement: Statement) -> Result<Statement, SqlError> {
    cursor.take_one_of(&["work", "transaction"]);
    if cursor.at("to") || cursor.at("prepared") {
        let message = "savepoints and prepared transactions are not supported";
        return Err(SqlError::unsupported(message, Some(cursor.position()))
            .with_hint("COMMIT or ROLLBACK the whole transaction."));
    }
    // AND CHAIN is PostgreSQL's; AND NO CHAIN says what is done anyway.
    cursor.take_all(&["and", "no", "chain"]);
    Ok(statement)
}

/// Parses what follows SET TRANSACTION, or SET SESSION CHARACTERISTICS AS TRANSACTION.
pub(super) fn set(cursor: &mut Cursor<'_>, session: bool) -> Result<Statement, SqlError> {
    match modes(cursor)? {
        TransactionModes { isolation: None, read_only: None } => Err(cursor.unexpected()),
        modes => Ok(Statement::SetTransaction { modes, session }),
    }
}

/// Parses transaction modes, with or without commas between them.
fn modes(cursor: &mut Cursor<'_>) -> Result<TransactionModes, SqlError> {
    let mut modes = TransactionModes::default();
    loop {
        if cursor.take_all(&["isolation", "level"]) {
            modes.isolation = Some(isolation_level(cursor)?);
        } else if cursor.take_all(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if cursor.take_all(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if !cursor.take("deferrable") && !cursor.take_all(&["not", "deferrable"]) {
            return Ok(modes);
        }
        if cursor.take_token(&Token::Comma) && *cursor.peek() == Token::EOF {
            return Err(cursor.unexpected());
        }
    }
}

fn isolation_level(cursor: &mut Cursor<'_>) -> Result<&'static str, SqlError> {
    const LEVELS: &[(&[&str], &str)] = &[
        (&["read", "uncommitted"], "read uncommitted"),
        (&["read", "committed"], "read committed"),
        (&["repeatable", "read"], "repeatable read"),
        (&["serializable"], "serializable"),
        (&["snapshot"], "snapshot"),
    ];
    let level = LEVELS.iter().find(|(words, _)| cursor.take_all(words));
    level.map(|(_, level)| *level).ok_or_else(|| cursor.unexpected())
}
