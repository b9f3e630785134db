//! EXPLAIN [ANALYZE] [VERBOSE] statement, and PostgreSQL's form with its options in parentheses.

use sqlparser::tokenizer::Token;

use crate::sql::{
    Explain, ExplainFormat, SqlError, Statement, cursor::Cursor, parse::statement, query, target,
};

/// What is explained.
const EXPLAINED: &str = "EXPLAIN takes SELECT, INSERT, UPDATE, DELETE and CREATE TABLE AS.";

/// The words before the statement.
#[derive(Default)]
struct Options {
    analyze: bool,
    verbose: bool,
    format: ExplainFormat,
}

/// Parses what follows EXPLAIN.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Explain, SqlError> {
    let mut options = Options::default();
    if *cursor.peek() == Token::LParen && !query::starts(cursor) {
        in_parentheses(cursor, &mut options)?;
    } else {
        options.analyze = cursor.take("analyze") || cursor.take("analyse");
        options.verbose = cursor.take("verbose");
    }
    let statement = explained(cursor, options.analyze)?;
    let Options { analyze, verbose, format } = options;
    Ok(Explain { analyze, verbose, format, statement: Box::new(statement) })
}

fn explained(cursor: &mut Cursor<'_>, analyze: bool) -> Result<Statement, SqlError> {
    let position = cursor.position();
    let is_query = query::starts(cursor) || target::with_starts(cursor);
    let Some(word) = (if is_query { Some("query") } else { cursor.peek_word() }) else {
        return Err(cursor.unexpected());
    };
    if !matches!(word, "query" | "insert" | "create" | "update" | "delete" | "merge") {
        return Err(cursor.unexpected());
    }
    let word = word.to_uppercase();
    let statement = statement(cursor)?;
    let refused = match &statement {
        Statement::Query(_) => return Ok(statement),
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::CreateTableAs(_) => {
            if !analyze {
                return Ok(statement);
            }
            let message = format!("EXPLAIN ANALYZE {word} is not supported");
            SqlError::unsupported(message, Some(position))
                .with_hint("EXPLAIN without ANALYZE shows its plan and changes nothing.")
        }
        _ => {
            let message = format!("EXPLAIN {word} is not supported");
            SqlError::unsupported(message, Some(position)).with_hint(EXPLAINED)
        }
    };
    Err(refused)
}

fn in_parentheses(cursor: &mut Cursor<'_>, options: &mut Options) -> Result<(), SqlError> {
    cursor.expect_token(&Token::LParen)?;
    loop {
        let position = cursor.position();
        let text = cursor.peek_text();
        match cursor.take_one_of(&["analyze", "analyse", "verbose", "format", "costs", "timing"]) {
            Some("analyze" | "analyse") => options.analyze = switch(cursor),
            Some("verbose") => options.verbose = switch(cursor),
            Some("format") => options.format = format(cursor)?,
            // On unless they are turned off, and they only make the text shorter.
            Some(_) if switch(cursor) => {}
            _ => {
                let message = format!("EXPLAIN does not support the option \"{text}\"");
                return Err(SqlError::unsupported(message, Some(position))
                    .with_hint("EXPLAIN knows ANALYZE, VERBOSE and FORMAT."));
            }
        }
        if !cursor.take_token(&Token::Comma) {
            return cursor.expect_token(&Token::RParen);
        }
    }
}

fn format(cursor: &mut Cursor<'_>) -> Result<ExplainFormat, SqlError> {
    let (position, text) = (cursor.position(), cursor.peek_text());
    match cursor.take_one_of(&["text", "datafusion"]) {
        Some("text") => Ok(ExplainFormat::Text),
        Some(_) => Ok(ExplainFormat::DataFusion),
        None => {
            let message = format!("EXPLAIN does not support the format \"{text}\"");
            Err(SqlError::unsupported(message, Some(position))
                .with_hint("There are TEXT, which is Redshift's, and DATAFUSION."))
        }
    }
}

/// Reads an optional value of an option that is on or off; without one it is on.
fn switch(cursor: &mut Cursor<'_>) -> bool {
    if cursor.take("off") || cursor.take("false") {
        return false;
    }
    let _ = cursor.take("on") || cursor.take("true");
    true
}
