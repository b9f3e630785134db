//! EXPLAIN [ANALYZE] [VERBOSE] query, and PostgreSQL's form with its options in parentheses.

use sqlparser::tokenizer::Token;

use crate::sql::{Explain, SqlError, cursor::Cursor, query};

/// Parses what follows EXPLAIN.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Explain, SqlError> {
    let (mut analyze, mut verbose) = (false, false);
    if *cursor.peek() == Token::LParen && !query::starts(cursor) {
        options(cursor, &mut analyze, &mut verbose)?;
    } else {
        analyze = cursor.take("analyze") || cursor.take("analyse");
        verbose = cursor.take("verbose");
    }
    if !query::starts(cursor) {
        let Some(word) = cursor.peek_word() else { return Err(cursor.unexpected()) };
        if matches!(word, "insert" | "create" | "update" | "delete" | "merge") {
            let message = format!("EXPLAIN {} is not supported", word.to_uppercase());
            return Err(SqlError::unsupported(message, Some(cursor.position()))
                .with_hint("EXPLAIN the SELECT in it."));
        }
        return Err(cursor.unexpected());
    }
    Ok(Explain { analyze, verbose, query: cursor.query()? })
}

fn options(
    cursor: &mut Cursor<'_>,
    analyze: &mut bool,
    verbose: &mut bool,
) -> Result<(), SqlError> {
    cursor.expect_token(&Token::LParen)?;
    loop {
        let position = cursor.position();
        let text = cursor.peek_text();
        match cursor.take_one_of(&["analyze", "analyse", "verbose", "costs", "timing"]) {
            Some("analyze" | "analyse") => *analyze = switch(cursor),
            Some("verbose") => *verbose = switch(cursor),
            // On unless they are turned off, and they only make the text shorter.
            Some(_) if switch(cursor) => {}
            _ => {
                let message = format!("EXPLAIN does not support the option \"{text}\"");
                return Err(SqlError::unsupported(message, Some(position))
                    .with_hint("EXPLAIN knows ANALYZE and VERBOSE."));
            }
        }
        if !cursor.take_token(&Token::Comma) {
            return cursor.expect_token(&Token::RParen);
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
