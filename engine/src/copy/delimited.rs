//! Text with a delimiter: no quotes unless REMOVEQUOTES, no escapes unless ESCAPE.

use memchr::{memchr, memchr_iter};

use super::field::{Field, FieldError, Fields};

/// How lines are split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delimited {
    pub(super) delimiter: u8,
    pub(super) escape: bool,
    pub(super) remove_quotes: bool,
}

/// Returns where the first line end is that no backslash escapes.
pub(super) fn escaped_record_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut from = start;
    loop {
        let found = from + memchr(b'\n', bytes.get(from..)?)?;
        let slashes = bytes[start..found].iter().rev().take_while(|byte| **byte == b'\\').count();
        if slashes % 2 == 0 {
            return Some(found);
        }
        from = found + 1;
    }
}

/// Returns the number of bytes up to and with the last line end that no backslash escapes.
pub(super) fn last_escaped_record_end(bytes: &[u8]) -> usize {
    let newlines = memchr::memrchr_iter(b'\n', bytes);
    for found in newlines {
        let slashes = bytes[..found].iter().rev().take_while(|byte| **byte == b'\\').count();
        if slashes % 2 == 0 {
            return found + 1;
        }
    }
    0
}

impl Delimited {
    /// Splits a record without its line end.
    pub(super) fn split(self, line: &[u8], fields: &mut Fields) -> Result<(), FieldError> {
        fields.clear();
        if self.escape || self.remove_quotes {
            return self.split_slowly(line, fields);
        }
        let mut start = 0;
        for end in memchr_iter(self.delimiter, line) {
            fields.push_plain(start, end);
            start = end + 1;
        }
        fields.push_plain(start, line.len());
        Ok(())
    }

    fn split_slowly(self, line: &[u8], fields: &mut Fields) -> Result<(), FieldError> {
        let mut at = 0;
        loop {
            let quote = match line.get(at) {
                Some(quote @ (b'"' | b'\'')) if self.remove_quotes => Some(*quote),
                _ => None,
            };
            at = self.field(line, at, quote, fields)?;
            if at > line.len() {
                return Ok(());
            }
        }
    }

    /// Splits one field; returns where the next starts, past the line's length if there is none.
    fn field(
        self,
        line: &[u8],
        start: usize,
        quote: Option<u8>,
        fields: &mut Fields,
    ) -> Result<usize, FieldError> {
        let begin = fields.rewritten.len();
        let mut at = start + usize::from(quote.is_some());
        let end = loop {
            let Some(byte) = line.get(at) else {
                match quote {
                    Some(_) => return Err(FieldError::missing_end_quote()),
                    None => break at,
                }
            };
            match *byte {
                b'\\' if self.escape && at + 1 < line.len() => {
                    fields.rewritten.push(line[at + 1]);
                    at += 2;
                    continue;
                }
                byte if quote == Some(byte)
                    && line.get(at + 1).is_none_or(|next| *next == self.delimiter) =>
                {
                    break at + 1;
                }
                byte if byte == self.delimiter && quote.is_none() => break at,
                byte => fields.rewritten.push(byte),
            }
            at += 1;
        };
        fields.list.push(Field {
            start: begin,
            end: fields.rewritten.len(),
            rewritten: true,
            raw_start: start,
            raw_end: end,
        });
        Ok(end + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, escape: bool, remove_quotes: bool) -> Result<Vec<String>, FieldError> {
        let mut fields = Fields::default();
        Delimited { delimiter: b'|', escape, remove_quotes }.split(line.as_bytes(), &mut fields)?;
        let text =
            |field| String::from_utf8_lossy(fields.value(field, line.as_bytes())).into_owned();
        Ok(fields.list.iter().map(text).collect())
    }

    #[test]
    fn escapes_keep_the_next_character_as_it_is() -> Result<(), FieldError> {
        assert_eq!(fields("3| A \\| B \\| C", true, false)?, ["3", " A | B | C"]);
        assert_eq!(fields("2| A\\\\B\\\\C", true, false)?, ["2", " A\\B\\C"]);
        assert_eq!(fields("a\\|b", false, false)?, ["a\\", "b"]);
        assert_eq!(fields("a\\\nb|", true, false)?, ["a\nb", ""]);
        Ok(())
    }

    #[test]
    fn surrounding_quotes_are_removed_with_what_they_protect() -> Result<(), FieldError> {
        assert_eq!(fields("'a|b'|\"c\"|d'", false, true)?, ["a|b", "c", "d'"]);
        assert_eq!(
            fields("'A Midsummer Night\\'s Dream'", true, true)?,
            ["A Midsummer Night's Dream"]
        );
        assert_eq!(fields("'a|b", false, true), Err(FieldError::missing_end_quote()));
        Ok(())
    }

    #[test]
    fn an_escaped_line_end_does_not_end_a_record() {
        let bytes = b"a\\\nb\\\\\nc\\\n";
        assert_eq!(escaped_record_end(bytes, 0), Some(6));
        assert_eq!(last_escaped_record_end(bytes), 7);
    }
}
