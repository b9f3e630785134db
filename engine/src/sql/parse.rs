//! The entrances: a query string, a view's query, a default's expression.

use std::sync::Arc;

use sqlparser::ast;

use crate::sql::{
    ParsedStatement, SqlError, Statement, alter_database, alter_table, analyze,
    analyze_compression, cancel, copy, create_database, create_schema, create_table, create_view,
    cursor::Cursor,
    delete, drop, explain, insert, lock, merge, query, session, set, show,
    source::Source,
    target,
    tokens::{self, StatementTokens},
    transaction, truncate, unsupported, update, vacuum,
};

/// Parses a query string: its statements, in order; none if there is nothing in it.
pub fn parse(sql: &str) -> Result<Vec<ParsedStatement>, SqlError> {
    let source = Source::new(sql);
    let whole: Arc<str> = Arc::from(sql);
    let mut parsed = Vec::new();
    for tokens in tokens::statements(sql, &source)? {
        let text = text_of(&tokens, &source).to_owned();
        let mut cursor = Cursor::new(tokens, &source)?;
        let offset = cursor.offset();
        let statement = statement(&mut cursor)?;
        cursor.finish()?;
        parsed.push(ParsedStatement { statement, text, source: Arc::clone(&whole), offset });
    }
    Ok(parsed)
}

/// Parses text that is one query: a view's definition.
pub fn parse_query(sql: &str) -> Result<Box<ast::Query>, SqlError> {
    one(sql, |cursor| cursor.query())
}

/// Parses text that is one expression: a column's default.
pub fn parse_expression(sql: &str) -> Result<ast::Expr, SqlError> {
    one(sql, |cursor| cursor.expression())
}

fn one<T>(
    sql: &str,
    parse: impl FnOnce(&mut Cursor<'_>) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    let source = Source::new(sql);
    let mut statements = tokens::statements(sql, &source)?.into_iter();
    let (Some(tokens), None) = (statements.next(), statements.next()) else {
        return Err(SqlError::syntax("one statement is expected here", None));
    };
    let mut cursor = Cursor::new(tokens, &source)?;
    let parsed = parse(&mut cursor)?;
    cursor.finish()?;
    Ok(parsed)
}

fn text_of<'a>(tokens: &StatementTokens, source: &Source<'a>) -> &'a str {
    match (tokens.tokens.first(), tokens.tokens.last()) {
        (Some(first), Some(last)) => source.between(first.span.start, last.span.end),
        _ => "",
    }
}

/// Parses one statement by its first word.
pub(super) fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if target::with_starts(cursor) {
        return target::with_statement(cursor);
    }
    if query::starts(cursor) {
        return cursor.query().map(Statement::Query);
    }
    if cursor.at_all(&["alter", "table"]) {
        return alter_table::parse(cursor).map(Statement::AlterTable);
    }
    if cursor.at_all(&["alter", "database"]) {
        return alter_database::parse(cursor).map(Statement::AlterDatabase);
    }
    let Some(word) = cursor.peek_word().map(str::to_owned) else { return Err(cursor.unexpected()) };
    unsupported::check(cursor)?;
    cursor.advance();
    match word.as_str() {
        "create" => create(cursor),
        "drop" if cursor.take("database") => cursor.identifier().map(Statement::DropDatabase),
        "drop" => drop::parse(cursor).map(Statement::Drop),
        "insert" => insert::parse(cursor).map(Statement::Insert),
        "delete" => delete::parse(cursor, None).map(Statement::Delete),
        "update" => update::parse(cursor, None).map(Statement::Update),
        "merge" => merge::parse(cursor).map(Box::new).map(Statement::Merge),
        "lock" => lock::parse(cursor).map(Statement::Lock),
        "truncate" => truncate::parse(cursor).map(Statement::Truncate),
        "analyze" | "analyse" if cursor.take("compression") => {
            analyze_compression::parse(cursor).map(Statement::AnalyzeCompression)
        }
        "analyze" | "analyse" => analyze::parse(cursor).map(Statement::Analyze),
        "vacuum" => vacuum::parse(cursor).map(Statement::Vacuum),
        "copy" => copy_statement(cursor),
        "explain" => explain::parse(cursor).map(Statement::Explain),
        "begin" | "start" => transaction::begin(cursor, &word),
        "commit" | "end" => transaction::end(cursor, Statement::Commit),
        "rollback" | "abort" => transaction::end(cursor, Statement::Rollback),
        "set" => set::parse(cursor),
        "cancel" => cancel::parse(cursor).map(Statement::Cancel),
        "show" => show::parse(cursor).map(Statement::Show),
        "reset" => set::reset(cursor).map(Statement::Reset),
        "deallocate" => session::deallocate(cursor),
        "discard" => session::discard(cursor),
        _ => Err(cursor.unexpected_last()),
    }
}

/// Parses what follows CREATE.
fn create(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.take("schema") {
        return create_schema::parse(cursor).map(Statement::CreateSchema);
    }
    if cursor.take("database") {
        return create_database::parse(cursor).map(Statement::CreateDatabase);
    }
    if cursor.at("view") || cursor.at_all(&["or", "replace", "view"]) {
        return create_view::parse(cursor).map(Statement::CreateView);
    }
    create_table::parse(cursor)
}

/// Hands what follows COPY to its own parser, and moves its positions, which count from the statement.
fn copy_statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let offset = cursor.offset();
    let end = cursor.unexpected_end().position;
    match copy::parse(cursor.parser()) {
        Ok(mut copy) => {
            copy.source_position = copy.source_position.map(|position| position + offset);
            for parameter in &mut copy.parameters {
                parameter.position = parameter.position.map(|position| position + offset);
            }
            Ok(Statement::Copy(copy))
        }
        Err(mut error) => {
            error.position = error.position.map(|position| position + offset).or(end);
            Err(error)
        }
    }
}
