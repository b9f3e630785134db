//! The first words of a statement decide which parser reads it.

use std::sync::Arc;

use sqlparser::{
    ast,
    tokenizer::{Token, TokenWithSpan},
};

use crate::sql::{
    Explain, ParsedStatement, SqlError, Statement, copy, create, cursor::Cursor, dialect, drop,
    insert, script::Script, set,
};

/// Statements Redshift or PostgreSQL knows and Blueshift does not yet, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("alter", "Create the table anew with CREATE TABLE AS and drop the old one."),
    ("analyze", "Statistics are kept up to date by COPY and INSERT."),
    ("attach", "Row level security and masking are not there yet."),
    ("call", "Send the procedure's statements one by one."),
    ("cancel", "Send a cancel request, for instance with Ctrl-C in psql."),
    ("close", "Cursors are a matter of the driver: fetch a portal with a row limit."),
    ("comment", "Comments are not kept yet."),
    ("declare", "Cursors are a matter of the driver: fetch a portal with a row limit."),
    ("delete", "TRUNCATE removes all rows; CREATE TABLE AS keeps some."),
    ("execute", "Use the extended protocol's prepared statements."),
    ("fetch", "Cursors are a matter of the driver: fetch a portal with a row limit."),
    ("grant", "There is one user, the superuser."),
    ("listen", "There are no notifications, as in Redshift."),
    ("lock", "Transactions do not need it: each reads one snapshot."),
    ("merge", "Use CREATE TABLE AS with a join."),
    ("prepare", "Use the extended protocol's prepared statements."),
    ("refresh", "Use a view, or CREATE TABLE AS."),
    ("revoke", "There is one user, the superuser."),
    ("savepoint", "Redshift has no savepoints either: use one transaction for each part."),
    ("unload", "Select the rows and write them with the client, for instance psql's \\copy."),
    ("unlisten", "There are no notifications, as in Redshift."),
    ("update", "Use CREATE TABLE AS with the new values."),
    ("use", "There is one database."),
    ("vacuum", "Runs are sorted as they are written."),
];

/// Parses a query string; one of nothing but space, comments and semicolons has no statement.
pub fn parse(source: &str) -> Result<Vec<ParsedStatement>, SqlError> {
    let script = Script::new(source)?;
    script.statements().map(|tokens| parsed(&script, tokens)).collect()
}

/// Parses a query on its own: a view's definition.
pub fn parse_query(source: &str) -> Result<Box<ast::Query>, SqlError> {
    let script = Script::new(source)?;
    let tokens = script.statements().next().unwrap_or_default();
    Cursor::new(&script, tokens).query()
}

/// Parses an expression on its own: the text of a DEFAULT.
pub fn parse_expression(source: &str) -> Result<ast::Expr, SqlError> {
    let script = Script::new(source)?;
    let tokens = script.statements().next().unwrap_or_default();
    let cursor = Cursor::new(&script, tokens);
    cursor.expression_of(cursor.rest())
}

fn parsed(script: &Script, tokens: &[TokenWithSpan]) -> Result<ParsedStatement, SqlError> {
    let (text, offset) = script.text_of(tokens);
    let mut cursor = Cursor::new(script, tokens);
    let statement = statement(&mut cursor, offset)?;
    Ok(ParsedStatement { statement, text, source: Arc::clone(&script.source), offset })
}

fn statement(cursor: &mut Cursor<'_>, offset: usize) -> Result<Statement, SqlError> {
    if starts_query(cursor) {
        return Ok(Statement::Query(cursor.query()?));
    }
    let start = cursor.clone();
    let Some(Token::Word(_)) = cursor.peek() else { return Err(cursor.unexpected()) };
    let first = cursor.word()?;
    match first.as_str() {
        "explain" => explain(cursor),
        "insert" => insert::parse(cursor),
        "create" => create::parse(cursor),
        "drop" => drop::parse(cursor),
        "truncate" => truncate(cursor),
        "copy" => copy_statement(cursor, offset),
        "begin" | "start" => begin(cursor, &first),
        "commit" | "end" => end(cursor).map(|()| Statement::Commit),
        "rollback" | "abort" => end(cursor).map(|()| Statement::Rollback),
        "set" => set::parse(cursor),
        "show" => set::show(cursor),
        "reset" => set::reset(cursor),
        "deallocate" => deallocate(cursor),
        "discard" => {
            cursor.expect("all")?;
            cursor.expect_end()?;
            Ok(Statement::DiscardAll)
        }
        other => match UNSUPPORTED.iter().find(|(word, _)| *word == other) {
            Some((word, instead)) => Err(start.unsupported(&word.to_uppercase(), instead)),
            None => Err(start.unexpected()),
        },
    }
}

fn starts_query(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    while ahead.take_token(&Token::LParen) {}
    ["select", "with", "values"].iter().any(|word| ahead.is(word))
}

fn explain(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let (mut analyze, mut verbose) = (false, false);
    if cursor.take_token(&Token::LParen) {
        loop {
            analyze |= cursor.take("analyze");
            verbose |= cursor.take("verbose");
            if !cursor.take_token(&Token::Comma) {
                break;
            }
        }
        cursor.expect_token(&Token::RParen)?;
    }
    analyze |= cursor.take("analyze");
    verbose |= cursor.take("verbose");
    if !starts_query(cursor) {
        let instead = "Explain its query.";
        return Err(cursor.unsupported("EXPLAIN of anything but a query", instead));
    }
    Ok(Statement::Explain(Explain { analyze, verbose, query: cursor.query()? }))
}

fn truncate(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.take("table");
    let name = cursor.qualified_name()?;
    cursor.expect_end()?;
    Ok(Statement::Truncate(name))
}

/// COPY has a parser of its own; its places count from the statement's start.
fn copy_statement(cursor: &mut Cursor<'_>, offset: usize) -> Result<Statement, SqlError> {
    let shift = |position: Option<usize>| position.map(|position| position + offset);
    let mut parser = dialect::parser(cursor.all());
    let _keyword = parser.next_token();
    let mut statement = copy::parse(&mut parser).map_err(|mut error| {
        error.position = shift(error.position);
        error
    })?;
    statement.source_position = shift(statement.source_position);
    for parameter in &mut statement.parameters {
        parameter.position = shift(parameter.position);
    }
    Ok(Statement::Copy(statement))
}

fn begin(cursor: &mut Cursor<'_>, first: &str) -> Result<Statement, SqlError> {
    if first == "start" {
        cursor.expect("transaction")?;
    } else {
        let _ = cursor.take("work") || cursor.take("transaction");
    }
    while !cursor.is_at_end() {
        let known = if cursor.take_all(&["isolation", "level"]) {
            set::isolation_level(cursor).is_ok()
        } else {
            cursor.take_all(&["read", "only"])
                || cursor.take_all(&["read", "write"])
                || cursor.take_token(&Token::Comma)
        };
        if !known {
            return Err(cursor.unexpected());
        }
    }
    Ok(Statement::Begin)
}

fn end(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    let _ = cursor.take("work") || cursor.take("transaction");
    cursor.expect_end()
}

fn deallocate(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    cursor.take("prepare");
    let name = match cursor.take("all") {
        true => None,
        false => Some(cursor.word()?),
    };
    cursor.expect_end()?;
    Ok(Statement::Deallocate(name))
}
