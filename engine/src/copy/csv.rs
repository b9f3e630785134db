//! CSV: fields in quotes may hold delimiters and line ends; a quote in them is doubled.
//!
//! ```text
//!  1, "two ""2""" ,"three
//!  lines"                      one record of three fields
//! ```
//!
//! Invariant: a record ends at the first line end that an even number of quotes precedes, whether
//! its fields are well formed or not. So a file can be cut anywhere, given the number of quotes before.

use memchr::{memchr, memchr_iter, memchr2};

use super::field::{Field, FieldError, Fields};

/// Returns where the first line end outside quotes is, from `start` on.
pub(super) fn record_end(bytes: &[u8], start: usize, quote: u8, inside: bool) -> Option<usize> {
    let mut at = start;
    let mut inside = inside;
    loop {
        let rest = bytes.get(at..)?;
        if inside {
            at += memchr(quote, rest)? + 1;
            inside = false;
            continue;
        }
        let found = at + memchr2(b'\n', quote, rest)?;
        if bytes[found] == b'\n' {
            return Some(found);
        }
        inside = true;
        at = found + 1;
    }
}

/// Returns where the first line end is, quotes being nothing special.
pub(super) fn record_end_unquoted(bytes: &[u8], start: usize) -> Option<usize> {
    memchr(b'\n', bytes.get(start..)?).map(|found| start + found)
}

/// Returns the number of bytes up to and with the last line end outside quotes.
pub(super) fn last_record_end(bytes: &[u8], quote: u8) -> usize {
    let (mut last, mut at) = (0, 0);
    while let Some(end) = record_end(bytes, at, quote, false) {
        last = end + 1;
        at = last;
    }
    last
}

/// Splits a record without its line end.
pub(super) fn split(
    line: &[u8],
    delimiter: u8,
    quote: u8,
    fields: &mut Fields,
) -> Result<(), FieldError> {
    fields.clear();
    if memchr(quote, line).is_none() {
        let mut start = 0;
        for end in memchr_iter(delimiter, line) {
            fields.push_plain(start, end);
            start = end + 1;
        }
        fields.push_plain(start, line.len());
        return Ok(());
    }
    let mut at = 0;
    loop {
        at = split_field(line, at, delimiter, quote, fields)?;
        if at > line.len() {
            return Ok(());
        }
    }
}

/// Splits one field; returns where the next starts, past the line's length if there is none.
fn split_field(
    line: &[u8],
    start: usize,
    delimiter: u8,
    quote: u8,
    fields: &mut Fields,
) -> Result<usize, FieldError> {
    let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t') && **byte != delimiter;
    let blanks = line[start..].iter().take_while(blank).count();
    let open = start + blanks;
    if line.get(open) != Some(&quote) {
        let end = memchr(delimiter, &line[start..]).map_or(line.len(), |found| start + found);
        if memchr(quote, &line[start..end]).is_some() {
            return Err(FieldError::invalid_quotes());
        }
        fields.push_plain(start, end);
        return Ok(end + 1);
    }
    let first = open + 1;
    let mut from = first;
    let mut rewritten = None;
    let close = loop {
        let close =
            from + memchr(quote, &line[from..]).ok_or_else(FieldError::missing_end_quote)?;
        if line.get(close + 1) != Some(&quote) {
            break close;
        }
        // A doubled quote: what is before it and one quote go into the rewritten text.
        let begin = *rewritten.get_or_insert(fields.rewritten.len());
        let copied = if begin == fields.rewritten.len() { first } else { from };
        fields.rewritten.extend_from_slice(&line[copied..=close]);
        from = close + 2;
    };
    let after = close + 1;
    let end = after + line[after..].iter().take_while(blank).count();
    if end < line.len() && line[end] != delimiter {
        return Err(FieldError::invalid_quotes());
    }
    let (raw_start, raw_end) = (start, end);
    fields.list.push(match rewritten {
        None => Field { start: first, end: close, rewritten: false, raw_start, raw_end },
        Some(begin) => {
            fields.rewritten.extend_from_slice(&line[from..close]);
            let end = fields.rewritten.len();
            Field { start: begin, end, rewritten: true, raw_start, raw_end }
        }
    });
    Ok(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, FieldError> {
        let mut fields = Fields::default();
        split(line.as_bytes(), b',', b'"', &mut fields)?;
        let text =
            |field| String::from_utf8_lossy(fields.value(field, line.as_bytes())).into_owned();
        Ok(fields.list.iter().map(text).collect())
    }

    #[test]
    fn quotes_are_taken_off_and_doubled_quotes_halved() -> Result<(), FieldError> {
        assert_eq!(fields("a,b,")?, ["a", "b", ""]);
        assert_eq!(fields("\"a,1\", \"b\"\"c\"\"\" ,\"\"")?, ["a,1", "b\"c\"", ""]);
        assert_eq!(fields("\"\"\"\",\"x\ny\"")?, ["\"", "x\ny"]);
        assert_eq!(fields(" a , b ")?, [" a ", " b "]);
        assert_eq!(fields("")?, [""]);
        Ok(())
    }

    #[test]
    fn quotes_in_the_wrong_place_are_refused() {
        assert_eq!(fields("a\"b\",c"), Err(FieldError::invalid_quotes()));
        assert_eq!(fields("\"a\"b,c"), Err(FieldError::invalid_quotes()));
        assert_eq!(fields("\"abc"), Err(FieldError::missing_end_quote()));
    }

    #[test]
    fn a_record_ends_outside_quotes() {
        let bytes = b"a,\"b\n\"\"c\"\nd\n\"";
        assert_eq!(record_end(bytes, 0, b'"', false), Some(9));
        assert_eq!(record_end(bytes, 4, b'"', true), Some(9));
        assert_eq!(last_record_end(bytes, b'"'), 12);
    }
}
