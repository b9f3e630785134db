//! Bounds how deep a statement's tree can get, from its tokens, before anything is built.
//!
//! sqlparser's recursion limit does not see chains (`a or b or c …` is a tree as deep as it is
//! long), and a tree is dropped recursively. So the depth is bounded where it costs nothing to refuse.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Word},
};

use crate::sql::{SqlError, needs_quotes, source::Source, syntax_error::too_deep};

/// The deepest tree. Found by a test that parses, visits and drops such a tree on a 2 MB stack.
pub(super) const DEPTH_MAX: usize = 1_500;
/// A query in a query is planned through many calls.
const SUBQUERY_WEIGHT: usize = 10;
/// The name of a call is made of those of its arguments, again and again.
const CALL_WEIGHT: usize = 5;

/// Fails with 54001 if the tree of these tokens could be deeper than [`DEPTH_MAX`].
pub(super) fn check(tokens: &[TokenWithSpan], source: &Source<'_>) -> Result<(), SqlError> {
    let mut open = vec![Level::default()];
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen | Token::LBracket => {
                let weight = weight(&tokens[..place], &tokens[place + 1..]);
                open.push(Level { chain: weight, run: 0 });
                depth += weight;
            }
            Token::RParen | Token::RBracket if open.len() > 1 => {
                depth -= open.pop().unwrap_or_default().depth();
                // `a(…)(…)`, `x[1][2]`: what follows a parenthesis can build on it.
                depth += open.last_mut().map_or(0, |level| level.extend(1));
            }
            // Items of a list lie side by side.
            Token::Comma => {
                depth -= open.last_mut().map_or(0, |level| std::mem::take(level).depth())
            }
            token if chains(token) => {
                if let Some(level) = open.last_mut() {
                    depth = depth + 1 - std::mem::take(&mut level.run);
                    level.chain += 1;
                }
            }
            token if deepens(token) => depth += open.last_mut().map_or(0, |level| level.extend(1)),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(too_deep(source.char_at(token.span.start) + 1));
        }
    }
    Ok(())
}

/// Returns how many nodes a parenthesis counts as, by what it is planned as.
fn weight(before: &[TokenWithSpan], inside: &[TokenWithSpan]) -> usize {
    fn word<'a>(mut tokens: impl Iterator<Item = &'a TokenWithSpan>) -> Option<&'a Word> {
        match tokens.find(|token| !matches!(token.token, Token::Whitespace(_)))?.token {
            Token::Word(ref word) => Some(word),
            _ => None,
        }
    }
    let is_query =
        |word: &Word| matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES);
    if word(inside.iter()).is_some_and(is_query) {
        SUBQUERY_WEIGHT
    } else if word(before.iter().rev()).is_some_and(|word| !needs_quotes(&word.value)) {
        CALL_WEIGHT
    } else {
        1
    }
}

/// What has been seen inside one pair of parentheses.
#[derive(Default)]
struct Level {
    /// The operators that bind least: everything between two of them hangs below the later one.
    chain: usize,
    /// The other operators since the last of those.
    run: usize,
}

impl Level {
    fn depth(&self) -> usize {
        self.chain + self.run
    }

    fn extend(&mut self, by: usize) -> usize {
        self.run += by;
        by
    }
}

/// Returns whether a token is an operator that binds less than any other.
fn chains(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    matches!(
        word.keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::MINUS
    )
}

/// Returns whether a token can put a node above or below what is beside it.
fn deepens(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::SIMILAR
                | Keyword::CASE
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::OPERATOR
                | Keyword::PRIOR
                | Keyword::INTERVAL
                | Keyword::NOTNULL
                | Keyword::XOR
                | Keyword::OVERLAPS
        ),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Whitespace(_)
        | Token::Period
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket => false,
        _ => true,
    }
}
