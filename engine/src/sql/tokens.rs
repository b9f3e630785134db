//! Query string → statements of tokens: identifiers folded, split at semicolons.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::sql::{SqlError, dialect::REDSHIFT, source::Source};

/// The tokens of one statement, from its first to its last character.
pub(super) struct StatementTokens {
    /// The tokens, comments and blanks between them included. Never empty.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// Whether a semicolon follows, and where.
    pub(super) semicolon: Option<Location>,
}

/// Tokenizes a query string and splits it; empty statements are left out.
pub(super) fn statements(sql: &str, source: &Source<'_>) -> Result<Vec<StatementTokens>, SqlError> {
    let mut statements = Vec::new();
    let mut current = Vec::new();
    for token in tokenize(sql, source)? {
        if token.token == Token::SemiColon {
            finish(&mut statements, &mut current, Some(token.span.start));
        } else {
            current.push(token);
        }
    }
    finish(&mut statements, &mut current, None);
    Ok(statements)
}

fn finish(
    statements: &mut Vec<StatementTokens>,
    current: &mut Vec<TokenWithSpan>,
    semicolon: Option<Location>,
) {
    let mut tokens = std::mem::take(current);
    if tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_))) {
        return;
    }
    // Comments that lead or follow belong to the statement (tools put their labels there), blanks do not.
    while tokens.last().is_some_and(is_blank) {
        tokens.pop();
    }
    let lead = tokens.iter().take_while(|token| is_blank(token)).count();
    tokens.drain(..lead);
    statements.push(StatementTokens { tokens, semicolon });
}

fn is_blank(token: &TokenWithSpan) -> bool {
    use sqlparser::tokenizer::Whitespace::{Newline, Space, Tab};
    matches!(token.token, Token::Whitespace(Space | Newline | Tab))
}

fn tokenize(sql: &str, source: &Source<'_>) -> Result<Vec<TokenWithSpan>, SqlError> {
    let mut tokens = Vec::new();
    Tokenizer::new(&REDSHIFT, sql)
        .tokenize_with_location_into_buf_with_mapper(&mut tokens, folded)
        .map_err(|error| unreadable(&error, sql, source))?;
    Ok(tokens)
}

/// Folds an identifier to lower case; quoted ones too, as Redshift does by default.
fn folded(mut token: TokenWithSpan) -> TokenWithSpan {
    if let Token::Word(word) = &mut token.token {
        if word.quote_style.is_none() && word.value == "#" {
            token.token = Token::Sharp;
        } else if word.value.chars().any(char::is_uppercase) {
            word.value = word.value.to_lowercase();
        }
    }
    token
}

/// Says in PostgreSQL's words what the tokenizer could not read.
fn unreadable(error: &TokenizerError, sql: &str, source: &Source<'_>) -> SqlError {
    let byte = source.byte_at(error.location);
    let position = source.char_at(error.location) + 1;
    let rest: String = sql.get(byte..).unwrap_or_default().chars().take(40).collect();
    let what = match rest.chars().next() {
        Some('\'' | 'e' | 'E' | 'u' | 'U' | 'n' | 'N') => "unterminated quoted string",
        Some('"') => "unterminated quoted identifier",
        Some('$') => "unterminated dollar-quoted string",
        // The tokenizer points at the end of a comment that has none.
        None => {
            let message = "unterminated comment or quoted string at end of input";
            return SqlError::syntax(message, Some(source.chars() + 1));
        }
        _ => "syntax error",
    };
    SqlError::syntax(format!("{what} at or near \"{rest}\""), Some(position))
}
