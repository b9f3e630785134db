//! A cursor over the tokens of one statement: what every statement parser is written with.

use sqlparser::{
    ast,
    parser::{Parser, ParserError},
    tokenizer::{Location, Token, TokenWithSpan},
};

use crate::{
    client_error::SqlState,
    sql::{
        QualifiedName, SqlError, dialect, normalise,
        script::{Script, is_keyword, is_reserved, is_significant},
    },
};

/// A place among the tokens of a statement.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub(super) script: &'a Script,
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(script: &'a Script, tokens: &'a [TokenWithSpan]) -> Self {
        let mut cursor = Self { script, tokens, at: 0 };
        cursor.skip_space();
        cursor
    }

    fn skip_space(&mut self) {
        while self.tokens.get(self.at).is_some_and(|token| !is_significant(token)) {
            self.at += 1;
        }
    }

    /// Returns the next token.
    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|token| &token.token)
    }

    /// Returns the token after the next one.
    pub(super) fn peek_second(&self) -> Option<&'a Token> {
        let mut ahead = self.clone();
        ahead.advance();
        ahead.peek()
    }

    /// Goes on by one token.
    pub(super) fn advance(&mut self) {
        self.at += 1;
        self.skip_space();
    }

    /// Returns what is left of the statement.
    pub(super) fn rest(&self) -> &'a [TokenWithSpan] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    /// Returns all tokens of the statement.
    pub(super) fn all(&self) -> &'a [TokenWithSpan] {
        let first = self.tokens.iter().position(is_significant).unwrap_or(0);
        self.tokens.get(first..).unwrap_or_default()
    }

    /// Returns where the next token is: characters, from 1.
    pub(super) fn position(&self) -> Option<usize> {
        self.tokens.get(self.at).and_then(|token| self.script.position(token.span.start))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.peek().is_none()
    }

    /// Fails unless the statement ends here.
    pub(super) fn expect_end(&self) -> Result<(), SqlError> {
        if self.is_at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Returns whether the next token is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if is_keyword(word, keyword))
    }

    /// Returns whether the next two tokens are these keywords.
    pub(super) fn are(&self, first: &str, second: &str) -> bool {
        self.is(first)
            && matches!(self.peek_second(), Some(Token::Word(word)) if is_keyword(word, second))
    }

    /// Takes a keyword if it is next.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        if found {
            self.advance();
        }
        found
    }

    /// Takes all of these keywords if they are next.
    pub(super) fn take_all(&mut self, keywords: &[&str]) -> bool {
        let mut ahead = self.clone();
        let found = keywords.iter().all(|keyword| ahead.take(keyword));
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes a keyword or fails.
    pub(super) fn expect(&mut self, keyword: &str) -> Result<(), SqlError> {
        if self.take(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes a punctuation mark if it is next.
    pub(super) fn take_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.advance();
        }
        found
    }

    /// Takes a punctuation mark or fails.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.take_token(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes an identifier or fails.
    pub(super) fn identifier(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Word(word)) if !is_reserved(word) => {
                if word.value.is_empty() {
                    let message = "zero-length delimited identifier";
                    return Err(SqlError::syntax(message, self.position()));
                }
                self.advance();
                Ok(word.value.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Takes any word, in lower case, or fails.
    pub(super) fn word(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Word(word)) => {
                self.advance();
                Ok(word.value.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Takes `[database.][schema.]name`.
    pub(super) fn qualified_name(&mut self) -> Result<QualifiedName, SqlError> {
        let position = self.position();
        let mut parts = vec![self.identifier()?];
        while self.take_token(&Token::Period) {
            parts.push(self.identifier()?);
        }
        if parts.len() > 3 {
            let message =
                format!("improper qualified name (too many dotted names): {}", parts.join("."));
            return Err(SqlError::syntax(message, position));
        }
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        Ok(QualifiedName { database: parts.pop(), schema, name })
    }

    /// Takes `(a, b, …)`.
    pub(super) fn name_list(&mut self) -> Result<Vec<String>, SqlError> {
        self.expect_token(&Token::LParen)?;
        let mut names = vec![self.identifier()?];
        while self.take_token(&Token::Comma) {
            names.push(self.identifier()?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }

    /// Takes a whole number with or without a sign.
    pub(super) fn integer(&mut self) -> Result<i64, SqlError> {
        let negative = self.take_token(&Token::Minus);
        match self.peek() {
            Some(Token::Number(text, _)) => {
                let number = text.parse::<i64>().map_err(|_| self.unexpected())?;
                self.advance();
                Ok(if negative { -number } else { number })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Takes IF NOT EXISTS if it is next.
    pub(super) fn if_not_exists(&mut self) -> bool {
        self.take_all(&["if", "not", "exists"])
    }

    /// Takes the rest of the statement as a query.
    pub(super) fn query(&mut self) -> Result<Box<ast::Query>, SqlError> {
        let tokens = self.rest();
        let query = self.query_of(tokens)?;
        self.at = self.tokens.len();
        Ok(query)
    }

    /// Parses tokens as a query, all of them.
    pub(super) fn query_of(&self, tokens: &[TokenWithSpan]) -> Result<Box<ast::Query>, SqlError> {
        let mut parser = dialect::parser(tokens);
        let query = parser.parse_query();
        let mut query = query.map_err(|error| self.foreign(&error, &parser))?;
        self.expect_parsed(&parser)?;
        normalise::query(&mut query)?;
        Ok(query)
    }

    /// Parses tokens as an expression, all of them.
    pub(super) fn expression_of(&self, tokens: &[TokenWithSpan]) -> Result<ast::Expr, SqlError> {
        let mut parser = dialect::parser(tokens);
        let expression = parser.parse_expr();
        let mut expression = expression.map_err(|error| self.foreign(&error, &parser))?;
        self.expect_parsed(&parser)?;
        normalise::expression(&mut expression)?;
        Ok(expression)
    }

    /// Fails unless a parser of sqlparser's has read everything.
    pub(super) fn expect_parsed(&self, parser: &Parser<'_>) -> Result<(), SqlError> {
        let token = parser.peek_token_ref();
        match token.token {
            Token::EOF => Ok(()),
            _ => Err(self.unexpected_token(token)),
        }
    }

    /// Takes tokens up to the first that `stop` names outside parentheses.
    pub(super) fn tokens_until(
        &mut self,
        stop: impl Fn(&Cursor<'a>) -> bool,
    ) -> &'a [TokenWithSpan] {
        let from = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0 && stop(self) {
                break;
            }
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.advance();
        }
        &self.tokens[from..self.at]
    }

    /// Returns an error of sqlparser's as PostgreSQL words it.
    pub(super) fn foreign(&self, error: &ParserError, parser: &Parser<'_>) -> SqlError {
        if dialect::is_too_deep(error) {
            let message = "statement is too complex: it nests too deeply";
            return SqlError {
                sqlstate: SqlState("54001"),
                message: message.to_owned(),
                hint: Some("Split the statement, or use IN instead of a chain of OR.".to_owned()),
                position: None,
            };
        }
        let text = match error {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
            ParserError::RecursionLimitExceeded => "",
        };
        // The place is only in the text; without one, the parser stands near it.
        let found = location_in(text).and_then(|location| {
            self.tokens.iter().find(|token| token.span.start == location && is_significant(token))
        });
        let mut error = match found {
            Some(token) => self.unexpected_token(token),
            None => self.unexpected_token(parser.peek_token_ref()),
        };
        if let Some(expected) =
            text.strip_prefix("Expected: ").and_then(|t| t.split(", found").next())
        {
            error.hint = Some(format!("Expected {expected}."));
        }
        error
    }

    fn unexpected_token(&self, token: &TokenWithSpan) -> SqlError {
        if matches!(token.token, Token::EOF) {
            let end = self.script.source.chars().count() + 1;
            return SqlError::syntax("syntax error at end of input", Some(end));
        }
        let (text, _) = self.script.text_of(std::slice::from_ref(token));
        let position = self.script.position(token.span.start);
        SqlError::syntax(format!("syntax error at or near \"{text}\""), position)
    }

    /// Returns the error of a token that does not belong here.
    pub(super) fn unexpected(&self) -> SqlError {
        match self.tokens.get(self.at) {
            Some(token) => self.unexpected_token(token),
            None => {
                let end = self.script.source.chars().count() + 1;
                SqlError::syntax("syntax error at end of input", Some(end))
            }
        }
    }

    /// Returns the refusal of something that is not there yet.
    pub(super) fn unsupported(&self, what: &str, instead: &str) -> SqlError {
        SqlError::unsupported(format!("{what} is not supported"), self.position())
            .with_hint(instead)
    }
}

/// Returns the place that sqlparser appends to its messages: ` at Line: 1, Column: 8`.
fn location_in(message: &str) -> Option<Location> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}
