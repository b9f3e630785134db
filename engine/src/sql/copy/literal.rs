//! String literals of COPY: their backslashes mean something to COPY itself (`'\N'`, `'\t'`, `'\001'`).
//!
//! A tokenizer may or may not have taken the backslashes out already. The width of the token tells:
//! it counts the characters as written.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Returns the text of a string token as the user wrote it, quotes doubled or not undone.
///
/// `None` if the token is no string.
pub(super) fn text(token: &TokenWithSpan) -> Option<String> {
    let (Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) = &token.token else {
        return None;
    };
    if is_raw(token, text) {
        return Some(text.replace("''", "'"));
    }
    Some(text.clone())
}

/// Returns a short text (delimiter, quote, null string) with its escapes understood.
pub(super) fn short_text(token: &TokenWithSpan) -> Option<String> {
    let text = text(token)?;
    let Token::SingleQuotedString(value) = &token.token else {
        return Some(text);
    };
    if is_raw(token, value) {
        // To Redshift a backslash is special in every literal: `'\\t'` is what `'\t'` is.
        return Some(unescape(&text.replace("\\\\", "\\")));
    }
    // One backslash was taken out by the tokenizer, and with it what it meant.
    Some(match text.as_str() {
        "N" => "\\N".to_owned(),
        _ => match text.strip_prefix('\0') {
            Some(rest) => unescape(&format!("\\0{rest}")),
            None if text.len() == 3 => unescape(&format!("\\{text}")),
            None => text,
        },
    })
}

/// Returns whether the text has as many characters as the token between its quotes.
fn is_raw(token: &TokenWithSpan, text: &str) -> bool {
    let (start, end) = (token.span.start, token.span.end);
    if start.line != end.line || end.column < start.column + 2 {
        return true;
    }
    text.chars().count() as u64 >= end.column - start.column - 2
}

/// Understands `\t`, `\n`, `\r`, `\\`, and one to three octal digits; `\N` stays what it is.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
        if digits > 0 {
            let value = u32::from_str_radix(&rest[..digits], 8).unwrap_or(0);
            out.extend(char::from_u32(value));
            rest = &rest[digits..];
            continue;
        }
        let mut chars = rest.chars();
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}
