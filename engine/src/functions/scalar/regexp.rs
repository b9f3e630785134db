//! REGEXP_SUBSTR, REGEXP_REPLACE, REGEXP_COUNT and REGEXP_INSTR.
//!
//! Parameters: `c` and `i` for case, `e` for the first subexpression, `p` for Perl's dialect, of which
//! look-around and back-references are not there. Positions count characters from 1.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use datafusion::{
    arrow::{array::ArrayRef, datatypes::Int32Type},
    error::Result,
};
use regex::{Match, Regex, RegexBuilder};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::SqlType,
};

use super::{
    arguments::Arguments,
    function::{
        Definition,
        Kind::{Integer, Text},
        TEXT, form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["regexp_substr"],
        forms: &[
            form(&[Text, Text], TEXT, substr),
            form(&[Text, Text, Integer], TEXT, substr),
            form(&[Text, Text, Integer, Integer], TEXT, substr),
            form(&[Text, Text, Integer, Integer, Text], TEXT, substr),
        ],
    },
    Definition {
        names: &["regexp_replace"],
        forms: &[
            form(&[Text, Text], TEXT, replace),
            form(&[Text, Text, Text], TEXT, replace),
            form(&[Text, Text, Text, Integer], TEXT, replace),
            form(&[Text, Text, Text, Integer, Text], TEXT, replace),
        ],
    },
    Definition {
        names: &["regexp_count"],
        forms: &[
            form(&[Text, Text], SqlType::Integer, count),
            form(&[Text, Text, Integer], SqlType::Integer, count),
            form(&[Text, Text, Integer, Text], SqlType::Integer, count),
        ],
    },
    Definition {
        names: &["regexp_instr"],
        forms: &[
            form(&[Text, Text], SqlType::Integer, instr),
            form(&[Text, Text, Integer], SqlType::Integer, instr),
            form(&[Text, Text, Integer, Integer], SqlType::Integer, instr),
            form(&[Text, Text, Integer, Integer, Integer], SqlType::Integer, instr),
            form(&[Text, Text, Integer, Integer, Integer, Text], SqlType::Integer, instr),
        ],
    },
];

/// A pattern with its parameters.
struct Pattern {
    regex: Regex,
    first_group: bool,
}

impl Pattern {
    fn parse(pattern: &str, parameters: &str) -> Result<Self> {
        let mut case_insensitive = false;
        let mut first_group = false;
        for parameter in parameters.chars() {
            match parameter {
                'c' => case_insensitive = false,
                'i' => case_insensitive = true,
                'e' => first_group = true,
                // Every pattern may use Perl's dialect.
                'p' => {}
                other => {
                    let message = format!("invalid regexp parameter: \"{other}\"");
                    let failed = error(SqlState::INVALID_PARAMETER_VALUE, message);
                    return Err(client_error(failed));
                }
            }
        }
        let regex = RegexBuilder::new(pattern).case_insensitive(case_insensitive).build();
        let regex = regex.map_err(|reason| {
            if reason.to_string().contains("look-around") {
                let message = "look-around in regular expressions is not supported";
                return client_error(error(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            let message = format!("Invalid regular expression: {reason}");
            client_error(error(SqlState("2201B"), message))
        })?;
        Ok(Self { first_group: first_group && regex.captures_len() > 1, regex })
    }

    /// Returns the nth match at or after a byte: all of it, or its first subexpression.
    fn nth<'t>(&self, text: &'t str, from: usize, occurrence: usize) -> Option<Match<'t>> {
        let mut found = self.regex.captures_at(text, from)?;
        for _ in 1..occurrence {
            let next = found.get(0).map_or(text.len(), |matched| next_start(text, matched));
            if next > text.len() {
                return None;
            }
            found = self.regex.captures_at(text, next)?;
        }
        found.get(usize::from(self.first_group))
    }
}

/// After an empty match the search goes on one character later.
fn next_start(text: &str, matched: Match<'_>) -> usize {
    if matched.end() > matched.start() {
        return matched.end();
    }
    matched.end() + text[matched.end()..].chars().next().map_or(1, char::len_utf8)
}

/// The patterns of one call, each compiled once.
struct Patterns {
    compiled: HashMap<(String, String), Arc<Pattern>>,
}

impl Patterns {
    /// Compiles the pattern of every row.
    fn of(a: &Arguments, row_count: usize, parameters: usize) -> Result<Self> {
        let mut compiled = HashMap::new();
        let mut last: Option<(&str, &str)> = None;
        for row in 0..row_count {
            let Some(pattern) = a.text(1, row) else { continue };
            let parameters = a.text(parameters, row).unwrap_or_default();
            if last == Some((pattern, parameters)) {
                continue;
            }
            last = Some((pattern, parameters));
            if let Entry::Vacant(entry) =
                compiled.entry((pattern.to_owned(), parameters.to_owned()))
            {
                entry.insert(Arc::new(Pattern::parse(pattern, parameters)?));
            }
        }
        Ok(Self { compiled })
    }

    fn get(&self, pattern: &str, parameters: &str) -> Option<&Pattern> {
        if self.compiled.len() == 1 {
            return self.compiled.values().next().map(Arc::as_ref);
        }
        self.compiled.get(&(pattern.to_owned(), parameters.to_owned())).map(Arc::as_ref)
    }
}

/// Returns the byte of the character at a position from 1; nothing behind the text's end.
fn byte_at(text: &str, position: i64) -> Option<usize> {
    let skipped = usize::try_from(position - 1).unwrap_or(0);
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().nth(skipped)
}

fn occurrence(number: Option<i64>) -> Option<usize> {
    usize::try_from(number.unwrap_or(1)).ok().filter(|number| *number >= 1)
}

fn substr(a: &Arguments) -> Result<ArrayRef> {
    let patterns = Patterns::of(a, a.row_count(), 4)?;
    a.texts(|row| {
        let (text, pattern) = (a.text(0, row)?, a.text(1, row)?);
        let pattern = patterns.get(pattern, a.text(4, row).unwrap_or_default())?;
        let found = byte_at(text, a.integer(2, row).unwrap_or(1))
            .zip(occurrence(a.integer(3, row)))
            .map(|(from, occurrence)| pattern.nth(text, from, occurrence));
        // A position or an occurrence that is not there is NULL, no match an empty text.
        found.map(|found| Ok(found.map_or("", |found| found.as_str())))
    })
}

fn replace(a: &Arguments) -> Result<ArrayRef> {
    let patterns = Patterns::of(a, a.row_count(), 4)?;
    a.texts(|row| {
        let (text, pattern) = (a.text(0, row)?, a.text(1, row)?);
        let replacement = if a.len() > 2 { a.text(2, row)? } else { "" };
        let pattern = patterns.get(pattern, a.text(4, row).unwrap_or_default())?;
        let Some(from) = byte_at(text, a.integer(3, row).unwrap_or(1)) else {
            return Some(Ok(Cow::Borrowed(text)));
        };
        let replacement = in_dollars(replacement);
        let tail = pattern.regex.replace_all(&text[from..], replacement.as_ref());
        Some(Ok(match from {
            0 => tail,
            _ => Cow::Owned(format!("{}{tail}", &text[..from])),
        }))
    })
}

/// A replacement names groups as `$1` and `\1`.
fn in_dollars(replacement: &str) -> Cow<'_, str> {
    if !replacement.contains('\\') {
        return Cow::Borrowed(replacement);
    }
    let mut dollars = String::with_capacity(replacement.len() + 2);
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                dollars.push_str("${");
                dollars.extend(rest.next());
                dollars.push('}');
            }
            _ => dollars.push(c),
        }
    }
    Cow::Owned(dollars)
}

fn count(a: &Arguments) -> Result<ArrayRef> {
    let patterns = Patterns::of(a, a.row_count(), 3)?;
    let counts = a.primitives::<Int32Type>(|row| {
        let (text, pattern) = (a.text(0, row)?, a.text(1, row)?);
        let pattern = patterns.get(pattern, a.text(3, row).unwrap_or_default())?;
        let Some(from) = byte_at(text, a.integer(2, row).unwrap_or(1)) else { return Some(Ok(0)) };
        let count = pattern.regex.find_iter(&text[from..]).count();
        i32::try_from(count).ok().map(Ok)
    })?;
    Ok(Arc::new(counts))
}

fn instr(a: &Arguments) -> Result<ArrayRef> {
    let patterns = Patterns::of(a, a.row_count(), 5)?;
    let places = a.primitives::<Int32Type>(|row| {
        let (text, pattern) = (a.text(0, row)?, a.text(1, row)?);
        let pattern = patterns.get(pattern, a.text(5, row).unwrap_or_default())?;
        let found = byte_at(text, a.integer(2, row).unwrap_or(1))
            .zip(occurrence(a.integer(3, row)))
            .and_then(|(from, occurrence)| pattern.nth(text, from, occurrence));
        let Some(found) = found else { return Some(Ok(0)) };
        let after = a.integer(4, row).unwrap_or(0) != 0;
        let byte = if after { found.end() } else { found.start() };
        i32::try_from(text[..byte].chars().count() + 1).ok().map(Ok)
    })?;
    Ok(Arc::new(places))
}
