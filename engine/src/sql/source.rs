//! Where in the query string a token is.
//!
//! sqlparser counts lines and columns, clients count characters, slices of text count bytes. This is
//! the one place that converts.

use sqlparser::tokenizer::{Location, TokenWithSpan};

/// A query string and the starts of its lines.
pub(super) struct Source<'a> {
    text: &'a str,
    lines: Vec<Line>,
    chars: usize,
}

struct Line {
    byte: usize,
    char: usize,
    /// Every character is one byte: a column is found without walking the line.
    ascii: bool,
}

impl<'a> Source<'a> {
    /// Measures the text.
    pub(super) fn new(text: &'a str) -> Self {
        let (mut byte, mut char) = (0, 0);
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            let chars = line.chars().count();
            lines.push(Line { byte, char, ascii: chars == line.len() });
            byte += line.len();
            char += chars;
        }
        lines.push(Line { byte, char, ascii: true });
        Self { text, lines, chars: char }
    }

    /// Returns how many characters the text has.
    pub(super) fn chars(&self) -> usize {
        self.chars
    }

    /// Returns the character at a location, from 0.
    pub(super) fn char_at(&self, location: Location) -> usize {
        let Some((line, column)) = self.line(location) else { return self.chars };
        (line.char + column).min(self.chars)
    }

    /// Returns the byte at a location.
    pub(super) fn byte_at(&self, location: Location) -> usize {
        let Some((line, column)) = self.line(location) else { return self.text.len() };
        if line.ascii {
            return (line.byte + column).min(self.text.len());
        }
        let rest = &self.text[line.byte..];
        rest.char_indices().nth(column).map_or(self.text.len(), |(at, _)| line.byte + at)
    }

    /// Returns a token as written.
    pub(super) fn text_of(&self, token: &TokenWithSpan) -> &'a str {
        self.between(token.span.start, token.span.end)
    }

    /// Returns the text between two locations.
    pub(super) fn between(&self, start: Location, end: Location) -> &'a str {
        self.text.get(self.byte_at(start)..self.byte_at(end)).unwrap_or_default()
    }

    fn line(&self, location: Location) -> Option<(&Line, usize)> {
        let index = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column).ok()?.saturating_sub(1);
        self.lines.get(index).map(|line| (line, column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_become_characters_and_bytes() {
        let source = Source::new("aä\nbö c");
        let at = Location { line: 2, column: 4 };
        assert_eq!((source.char_at(at), source.byte_at(at)), (6, 8));
        assert_eq!(source.between(at, Location { line: 2, column: 5 }), "c");
        assert_eq!(source.char_at(Location { line: 0, column: 0 }), 7);
        assert_eq!(source.char_at(Location { line: 9, column: 1 }), 7);
    }
}
