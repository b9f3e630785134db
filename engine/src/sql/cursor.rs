//! Reads one statement from left to right: what every parser of ours is written with.
//!
//! Wraps sqlparser's parser, so that the same place in the same tokens serves both; adds words that
//! sqlparser has no keyword for and PostgreSQL's error texts.

use sqlparser::{
    ast,
    parser::Parser,
    tokenizer::{Location, Token, TokenWithSpan},
};

use crate::sql::{
    QualifiedName, SqlError, depth, dialect::REDSHIFT, reserved, rewrite, source::Source,
    syntax_error, tokens::StatementTokens,
};

/// How deep sqlparser may recurse. It grows its stack; [`depth`] bounds what is built.
const RECURSION_LIMIT: usize = 4 * depth::DEPTH_MAX;

/// A place in a statement.
pub(super) struct Cursor<'a> {
    parser: Parser<'static>,
    source: &'a Source<'a>,
    end: End,
}

/// What comes after the last token.
struct End {
    /// Characters from 1.
    position: usize,
    semicolon: bool,
}

impl<'a> Cursor<'a> {
    /// Starts at the first token.
    pub(super) fn new(
        statement: StatementTokens,
        source: &'a Source<'a>,
    ) -> Result<Self, SqlError> {
        depth::check(&statement.tokens, source)?;
        let end = End {
            position: statement.semicolon.map_or(source.chars(), |at| source.char_at(at)) + 1,
            semicolon: statement.semicolon.is_some(),
        };
        let parser = Parser::new(&REDSHIFT)
            .with_recursion_limit(RECURSION_LIMIT)
            .with_tokens_with_locations(statement.tokens);
        Ok(Self { parser, source, end })
    }

    /// Returns sqlparser's parser, for what it parses.
    pub(super) fn parser(&mut self) -> &mut Parser<'static> {
        &mut self.parser
    }

    /// Returns the next token.
    pub(super) fn peek(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    /// Returns the token after `n` others.
    pub(super) fn peek_nth(&self, n: usize) -> &Token {
        &self.parser.peek_nth_token_ref(n).token
    }

    /// Returns whether no token is left.
    pub(super) fn at_end(&self) -> bool {
        *self.peek() == Token::EOF
    }

    /// Returns the tokens to come.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        let tokens = (self.parser.index()..).map(|index| &self.parser.token_at(index).token);
        tokens.take_while(|token| **token != Token::EOF)
    }

    /// Returns where the next token is: characters from 1.
    pub(super) fn position(&self) -> usize {
        self.position_of(self.parser.peek_token_ref())
    }

    /// Returns where the token last read is.
    pub(super) fn last_position(&self) -> usize {
        self.position_of(self.parser.get_current_token())
    }

    /// Returns where the first token is: characters from 0.
    pub(super) fn offset(&self) -> usize {
        self.position_of(self.parser.token_at(0)) - 1
    }

    /// Returns a place of the AST: characters from 1.
    pub(super) fn position_at(&self, location: Location) -> Option<usize> {
        (location.line > 0).then(|| self.source.char_at(location) + 1)
    }

    fn position_of(&self, token: &TokenWithSpan) -> usize {
        if token.token == Token::EOF {
            return self.end.position;
        }
        self.source.char_at(token.span.start) + 1
    }

    /// Moves to the next token.
    pub(super) fn advance(&mut self) {
        if *self.peek() != Token::EOF {
            self.parser.advance_token();
        }
    }

    /// Returns the next token as written.
    pub(super) fn peek_text(&self) -> &'a str {
        self.source.text_of(self.parser.peek_token_ref())
    }

    /// Returns the text from a place to the token before the next one.
    pub(super) fn text_since(&self, start: Location) -> &'a str {
        let next = self.parser.peek_token_ref();
        let end = match next.token {
            Token::EOF => self.last_location(),
            _ => next.span.start,
        };
        self.source.between(start, end).trim_end()
    }

    /// Returns the place of the next token in sqlparser's terms.
    pub(super) fn location(&self) -> Location {
        self.parser.peek_token_ref().span.start
    }

    fn last_location(&self) -> Location {
        // The tokens behind the parser's place: the last one before EOF is the end of the statement.
        let mut last = Location { line: 0, column: 0 };
        for index in self.parser.index().saturating_sub(2).. {
            let token = self.parser.token_at(index);
            if token.token == Token::EOF {
                break;
            }
            last = token.span.end;
        }
        last
    }

    // --- words

    /// Returns whether this word comes next, unquoted.
    pub(super) fn at(&self, word: &str) -> bool {
        is_word(self.peek(), word)
    }

    /// Returns whether these words come next.
    pub(super) fn at_all(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| is_word(self.peek_nth(n), word))
    }

    /// Reads this word if it comes next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.take_all(&[word])
    }

    /// Reads all of these words if they come next, or none.
    pub(super) fn take_all(&mut self, words: &[&str]) -> bool {
        let found = self.at_all(words);
        if found {
            words.iter().for_each(|_| self.advance());
        }
        found
    }

    /// Reads the one of these words that comes next.
    pub(super) fn take_one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.take(word))
    }

    /// Reads this word.
    pub(super) fn expect(&mut self, word: &str) -> Result<(), SqlError> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Returns the next token if it is an unquoted word: lower case.
    pub(super) fn peek_word(&self) -> Option<&str> {
        match self.peek() {
            Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    /// Reads `schema.` if it comes next.
    pub(super) fn take_schema(&mut self, schema: &str) {
        if self.at(schema) && *self.peek_nth(1) == Token::Period {
            self.advance();
            self.advance();
        }
    }

    // --- other tokens

    /// Reads this token if it comes next.
    pub(super) fn take_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    /// Reads this token.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.take_token(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Reads a string literal if one comes next.
    pub(super) fn take_string(&mut self) -> Option<String> {
        let text = match self.peek() {
            Token::SingleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::UnicodeStringLiteral(text) => text.clone(),
            Token::DollarQuotedString(text) => text.value.clone(),
            _ => return None,
        };
        self.advance();
        Some(text)
    }

    /// Reads a whole number without a sign.
    pub(super) fn unsigned(&mut self) -> Result<u64, SqlError> {
        let Token::Number(digits, _) = self.peek() else { return Err(self.unexpected()) };
        let Ok(number) = digits.parse() else { return Err(self.unexpected()) };
        self.advance();
        Ok(number)
    }

    /// Reads a whole number.
    pub(super) fn signed(&mut self) -> Result<i64, SqlError> {
        let negative = self.take_token(&Token::Minus);
        if !negative {
            self.take_token(&Token::Plus);
        }
        let Token::Number(digits, _) = self.peek() else { return Err(self.unexpected()) };
        let sign = if negative { "-" } else { "" };
        let Ok(number) = format!("{sign}{digits}").parse() else { return Err(self.unexpected()) };
        self.advance();
        Ok(number)
    }

    // --- names

    /// Reads a name.
    pub(super) fn identifier(&mut self) -> Result<String, SqlError> {
        let name = match self.peek() {
            Token::Word(word) if word.quote_style.is_some() => {
                if word.value.is_empty() {
                    let message = "zero-length delimited identifier";
                    return Err(SqlError::syntax(message, Some(self.position())));
                }
                word.value.clone()
            }
            Token::Word(word) if !reserved::is_reserved(&word.value) => word.value.clone(),
            _ => return Err(self.unexpected_name()),
        };
        self.advance();
        Ok(name)
    }

    fn unexpected_name(&self) -> SqlError {
        let error = self.unexpected();
        match self.peek_word() {
            Some(word) => error
                .with_hint(format!("\"{word}\" is a reserved word: quote it to use it as a name.")),
            None => error,
        }
    }

    /// Reads a name of up to three parts.
    pub(super) fn qualified_name(&mut self) -> Result<QualifiedName, SqlError> {
        let position = self.position();
        let mut parts = vec![self.identifier()?];
        while self.take_token(&Token::Period) {
            // After a period even a reserved word can only be a name.
            let part = match self.peek() {
                Token::Word(word) => word.value.clone(),
                _ => return Err(self.unexpected()),
            };
            self.advance();
            parts.push(part);
        }
        if parts.len() > 3 {
            let message =
                format!("improper qualified name (too many dotted names): {}", parts.join("."));
            return Err(SqlError::syntax(message, Some(position)));
        }
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop();
        Ok(QualifiedName { database: parts.pop(), schema, name })
    }

    /// Reads `(name, …)`.
    pub(super) fn column_list(&mut self) -> Result<Vec<String>, SqlError> {
        self.expect_token(&Token::LParen)?;
        let mut names = vec![self.identifier()?];
        while self.take_token(&Token::Comma) {
            names.push(self.identifier()?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }

    // --- what sqlparser parses

    /// Reads a query.
    pub(super) fn query(&mut self) -> Result<Box<ast::Query>, SqlError> {
        let parsed = self.parser.parse_query();
        let mut query = parsed.map_err(|error| syntax_error::from_parser(self, &error))?;
        rewrite::query(&mut query).map_err(|refused| refused.into_error(self))?;
        Ok(query)
    }

    /// Reads an expression.
    pub(super) fn expression(&mut self) -> Result<ast::Expr, SqlError> {
        self.written_expression().map(|(_, rewritten)| rewritten)
    }

    /// Reads an expression; returns it as it is written, to be kept as text, and rewritten.
    pub(super) fn written_expression(&mut self) -> Result<(ast::Expr, ast::Expr), SqlError> {
        let parsed = self.parser.parse_expr();
        let written = parsed.map_err(|error| syntax_error::from_parser(self, &error))?;
        let mut rewritten = written.clone();
        rewrite::expression(&mut rewritten).map_err(|refused| refused.into_error(self))?;
        Ok((written, rewritten))
    }

    // --- errors

    /// Fails unless the statement ends here.
    pub(super) fn finish(&self) -> Result<(), SqlError> {
        if *self.peek() == Token::EOF { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Returns PostgreSQL's error of a token that does not belong where it is.
    pub(super) fn unexpected(&self) -> SqlError {
        self.unexpected_token(self.parser.peek_token_ref())
    }

    /// As [`Self::unexpected`], of the token last read.
    pub(super) fn unexpected_last(&self) -> SqlError {
        self.unexpected_token(self.parser.get_current_token())
    }

    /// As [`Self::unexpected`], of the token at a location.
    pub(super) fn unexpected_at(&self, location: Location) -> SqlError {
        // sqlparser is at most a few tokens beyond the one it complains of, but it may have backtracked.
        for index in 0.. {
            let token = self.parser.token_at(index);
            if token.token == Token::EOF || token.span.start == location {
                return self.unexpected_token(token);
            }
        }
        self.unexpected_end()
    }

    /// Returns PostgreSQL's error of a statement that ends too early.
    pub(super) fn unexpected_end(&self) -> SqlError {
        let message = match self.end.semicolon {
            true => "syntax error at or near \";\"",
            false => "syntax error at end of input",
        };
        SqlError::syntax(message, Some(self.end.position))
    }

    fn unexpected_token(&self, token: &TokenWithSpan) -> SqlError {
        if token.token == Token::EOF {
            return self.unexpected_end();
        }
        let text = self.source.text_of(token);
        let position = self.source.char_at(token.span.start) + 1;
        SqlError::syntax(format!("syntax error at or near \"{text}\""), Some(position))
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    match token {
        Token::Word(found) => found.quote_style.is_none() && found.value == word,
        _ => false,
    }
}
