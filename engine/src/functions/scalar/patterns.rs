//! `like_escape` and `similar_escape`: patterns of LIKE … ESCAPE and SIMILAR TO in the forms that
//! DataFusion matches. `sql::rewrite::patterns` calls them.

use datafusion::{
    arrow::array::ArrayRef,
    error::{DataFusionError, Result},
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
};

use super::{
    arguments::Arguments,
    function::{Definition, Kind::Text, TEXT, form},
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["like_escape"],
        forms: &[form(&[Text, Text], TEXT, |a| escaped(a, like_escape))],
    },
    Definition {
        names: &["similar_escape"],
        forms: &[form(&[Text, Text], TEXT, |a| escaped(a, similar_escape))],
    },
];

fn escaped(a: &Arguments, convert: fn(&str, Option<char>) -> Result<String>) -> Result<ArrayRef> {
    a.texts(|row| {
        let (pattern, escape) = (a.text(0, row)?, a.text(1, row)?);
        let mut characters = escape.chars();
        match (characters.next(), characters.next()) {
            (escape, None) => Some(convert(pattern, escape)),
            _ => Some(Err(invalid("invalid escape string"))),
        }
    })
}

fn invalid(message: &str) -> DataFusionError {
    // invalid_escape_sequence
    client_error(error(SqlState("22025"), message))
}

/// Returns a pattern of LIKE whose escape character is the backslash.
fn like_escape(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut converted = String::with_capacity(pattern.len() + 4);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            let escaped = rest.next();
            let escaped = escaped
                .ok_or_else(|| invalid("LIKE pattern must not end with escape character"))?;
            if matches!(escaped, '%' | '_' | '\\') {
                converted.push('\\');
            }
            converted.push(escaped);
        } else if c == '\\' {
            converted.push_str("\\\\");
        } else {
            converted.push(c);
        }
    }
    Ok(converted)
}

/// Returns the regular expression of a pattern of SIMILAR TO, which matches all of a text.
fn similar_escape(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut converted = String::from("(?s)^(?:");
    let mut rest = pattern.chars();
    let mut in_brackets = false;
    while let Some(c) = rest.next() {
        match c {
            c if Some(c) == escape => {
                let escaped = rest.next().ok_or_else(|| {
                    invalid("SIMILAR TO pattern must not end with escape character")
                })?;
                converted.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
            }
            ']' if in_brackets => {
                in_brackets = false;
                converted.push(']');
            }
            c if in_brackets => converted.push(c),
            '[' => {
                in_brackets = true;
                converted.push('[');
            }
            '%' => converted.push_str(".*"),
            '_' => converted.push('.'),
            '.' | '^' | '$' | '\\' => {
                converted.push('\\');
                converted.push(c);
            }
            c => converted.push(c),
        }
    }
    converted.push_str(")$");
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_escape_character_becomes_a_backslash() {
        assert_eq!(like_escape("100^%", Some('^')).unwrap(), "100\\%");
        assert_eq!(like_escape("a\\b|_|c", Some('|')).unwrap(), "a\\\\b\\_c");
        assert!(like_escape("a^", Some('^')).is_err());
    }

    #[test]
    fn similar_patterns_match_whole_texts() {
        assert_eq!(similar_escape("%(b|d)%", Some('\\')).unwrap(), "(?s)^(?:.*(b|d).*)$");
        assert_eq!(similar_escape("a.[x_]\\%", Some('\\')).unwrap(), "(?s)^(?:a\\.[x_]%)$");
    }
}
