//! A query string as tokens: folded, split at semicolons, every place known.
//!
//! Redshift folds all identifiers to lower case, quoted ones too (`enable_case_sensitive_identifier`
//! is off); that is done here, once, to the tokens.

use std::sync::Arc;

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Word},
};

use crate::sql::{SqlError, dialect};

/// A query string and its tokens.
pub(super) struct Script {
    pub(super) source: Arc<str>,
    /// Where every line starts: characters and bytes, from 0.
    lines: Vec<(usize, usize)>,
    tokens: Vec<TokenWithSpan>,
}

impl Script {
    /// Cuts a query string into tokens.
    pub(super) fn new(source: &str) -> Result<Self, SqlError> {
        let mut lines = vec![(0, 0)];
        for (characters, (bytes, character)) in source.char_indices().enumerate() {
            if character == '\n' {
                lines.push((characters + 1, bytes + 1));
            }
        }
        let mut script = Self { source: source.into(), lines, tokens: Vec::new() };
        let tokens = Tokenizer::new(&dialect::REDSHIFT, source).tokenize_with_location();
        let tokens = tokens.map_err(|error| {
            let position = script.position(error.location);
            SqlError::syntax(format!("syntax error: {}", lower_first(&error.message)), position)
        })?;
        script.tokens = postgres_spellings(tokens.into_iter().map(fold).collect());
        Ok(script)
    }

    /// Returns the tokens of each statement; empty ones are left out.
    pub(super) fn statements(&self) -> impl Iterator<Item = &[TokenWithSpan]> {
        let parts = self.tokens.split(|token| token.token == Token::SemiColon);
        parts.filter(|tokens| tokens.iter().any(is_significant))
    }

    /// Returns where a location is: characters, from 1.
    pub(super) fn position(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let (characters, _) = self.lines.get(line)?;
        Some(characters + usize::try_from(location.column).ok()?)
    }

    /// Returns the bytes before a location.
    fn byte_offset(&self, location: Location) -> usize {
        let Some(position) = self.position(location) else { return self.source.len() };
        let line = usize::try_from(location.line).unwrap_or(1).saturating_sub(1);
        let Some((characters, bytes)) = self.lines.get(line) else { return self.source.len() };
        let column = position - 1 - characters;
        let rest = self.source.get(*bytes..).unwrap_or_default();
        rest.char_indices().nth(column).map_or(self.source.len(), |(at, _)| bytes + at)
    }

    /// Returns the text that tokens were cut from, and where it starts: characters, from 0.
    pub(super) fn text_of(&self, tokens: &[TokenWithSpan]) -> (String, usize) {
        let first = tokens.iter().find(|token| is_significant(token));
        let last = tokens.iter().rfind(|token| is_significant(token));
        let (Some(first), Some(last)) = (first, last) else { return (String::new(), 0) };
        let start = self.byte_offset(first.span.start);
        let end = self.byte_offset(last.span.end);
        let offset = self.position(first.span.start).map_or(0, |position| position - 1);
        (self.source.get(start..end.max(start)).unwrap_or_default().to_owned(), offset)
    }
}

/// Returns whether a token is more than space or a comment.
pub(super) fn is_significant(token: &TokenWithSpan) -> bool {
    !matches!(token.token, Token::Whitespace(_) | Token::EOF)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

fn fold(mut token: TokenWithSpan) -> TokenWithSpan {
    if let Token::Word(word) = &mut token.token {
        word.value = word.value.to_lowercase();
    }
    token
}

/// Spellings that only PostgreSQL has and psql uses: `a OPERATOR(pg_catalog.~) b` is `a ~ b`, and
/// `COLLATE pg_catalog.default` is the only collation there is.
fn postgres_spellings(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let special = |token: &TokenWithSpan| {
        is_word(&token.token, "operator") || is_word(&token.token, "collate")
    };
    if !tokens.iter().any(special) {
        return tokens;
    }
    let mut kept = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let parts: Vec<&Token> = after.iter().take(5).map(|token| &token.token).collect();
        rest = after;
        match parts.as_slice() {
            [Token::LParen, schema, Token::Period, operator, Token::RParen]
                if is_word(&token.token, "operator") && is_word(schema, "pg_catalog") =>
            {
                kept.push(TokenWithSpan { token: (*operator).clone(), span: token.span });
                rest = &after[5..];
            }
            [Token::Whitespace(_), schema, Token::Period, name, ..]
                if is_word(&token.token, "collate")
                    && is_word(schema, "pg_catalog")
                    && is_word(name, "default") =>
            {
                rest = &after[4..];
            }
            _ => kept.push(token.clone()),
        }
    }
    kept
}

fn is_word(token: &Token, value: &str) -> bool {
    matches!(token, Token::Word(word) if word.value == value)
}

/// Returns whether a word is this keyword, written without quotes.
pub(super) fn is_keyword(word: &Word, keyword: &str) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword)
}

/// Returns a word as an identifier: a keyword that PostgreSQL reserves must be quoted.
pub(super) fn is_reserved(word: &Word) -> bool {
    word.quote_style.is_none() && RESERVED.contains(&word.keyword)
}

/// Words that cannot name a table or column without quotes.
const RESERVED: &[Keyword] = &[
    Keyword::ALL,
    Keyword::AND,
    Keyword::AS,
    Keyword::CASE,
    Keyword::CAST,
    Keyword::CHECK,
    Keyword::CONSTRAINT,
    Keyword::CREATE,
    Keyword::DEFAULT,
    Keyword::DISTINCT,
    Keyword::ELSE,
    Keyword::END,
    Keyword::FALSE,
    Keyword::FOREIGN,
    Keyword::FROM,
    Keyword::GRANT,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::IN,
    Keyword::INTO,
    Keyword::LIKE,
    Keyword::LIMIT,
    Keyword::NOT,
    Keyword::NULL,
    Keyword::OFFSET,
    Keyword::ON,
    Keyword::OR,
    Keyword::ORDER,
    Keyword::PRIMARY,
    Keyword::REFERENCES,
    Keyword::SELECT,
    Keyword::TABLE,
    Keyword::THEN,
    Keyword::TO,
    Keyword::TRUE,
    Keyword::UNION,
    Keyword::UNIQUE,
    Keyword::USER,
    Keyword::USING,
    Keyword::WHEN,
    Keyword::WHERE,
    Keyword::WITH,
];
