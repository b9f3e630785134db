//! SELECT, WITH, VALUES and queries in parentheses.

use sqlparser::tokenizer::Token;

use crate::sql::cursor::Cursor;

/// Returns whether a query comes next.
pub(super) fn starts(cursor: &Cursor<'_>) -> bool {
    let mut n = 0;
    while *cursor.peek_nth(n) == Token::LParen {
        n += 1;
    }
    match cursor.peek_nth(n) {
        Token::Word(word) => {
            word.quote_style.is_none() && matches!(&*word.value, "select" | "with" | "values")
        }
        _ => false,
    }
}
