//! How words sound in English: SOUNDEX, DIFFERENCE.

use std::sync::Arc;

use datafusion::{
    arrow::{array::ArrayRef, datatypes::Int32Type},
    error::Result,
};

use crate::types::SqlType;

use super::{
    arguments::Arguments,
    function::{Definition, Kind::Text, form},
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["soundex"],
        forms: &[form(&[Text], SqlType::Varchar { length: CODE_LENGTH as u32 }, soundex)],
    },
    Definition {
        names: &["difference"],
        forms: &[form(&[Text, Text], SqlType::Integer, difference)],
    },
];

/// A letter and three digits.
const CODE_LENGTH: usize = 4;

fn soundex(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| Some(Ok(code(a.text(0, row)?))))
}

/// Counts the places at which two codes are equal.
fn difference(a: &Arguments) -> Result<ArrayRef> {
    let counts = a.primitives::<Int32Type>(|row| {
        let (left, right) = (code(a.text(0, row)?), code(a.text(1, row)?));
        let equal = left.chars().zip(right.chars()).filter(|(left, right)| left == right).count();
        // Two texts without a letter are as near as one sound.
        let neither = left.is_empty() && right.is_empty();
        Some(Ok(if neither { 1 } else { i32::try_from(equal).unwrap_or(0) }))
    })?;
    Ok(Arc::new(counts))
}

/// Returns the American Soundex code of the letters in a text; empty if it has none.
fn code(text: &str) -> String {
    let mut letters = text.chars().filter(char::is_ascii_alphabetic);
    let Some(first) = letters.next() else { return String::new() };
    let mut code = first.to_ascii_uppercase().to_string();
    let mut before = digit(first);
    for letter in letters {
        let now = digit(letter);
        if now != before
            && let Some(digit) = now
        {
            code.push(digit);
        }
        // H and W do not keep equal sounds apart, vowels do.
        if !matches!(letter.to_ascii_lowercase(), 'h' | 'w') {
            before = now;
        }
        if code.len() == CODE_LENGTH {
            break;
        }
    }
    format!("{code:0<CODE_LENGTH$}")
}

fn digit(letter: char) -> Option<char> {
    match letter.to_ascii_lowercase() {
        'b' | 'f' | 'p' | 'v' => Some('1'),
        'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => Some('2'),
        'd' | 't' => Some('3'),
        'l' => Some('4'),
        'm' | 'n' => Some('5'),
        'r' => Some('6'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sounds_are_coded_once() {
        assert_eq!(code("Amazon"), "A525");
        assert_eq!(code("AWS Amazon"), "A252");
        assert_eq!(code("Robert"), "R163");
        assert_eq!(code("Tymczak"), "T522");
        assert_eq!(code("Pfister"), "P236");
        assert_eq!(code("+-*/%"), "");
    }
}
