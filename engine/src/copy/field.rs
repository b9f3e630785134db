//! The fields of one record, as places in its line or in rewritten text.

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Where its value starts in the line, or in the rewritten text.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// Whether quotes or escapes were taken out, so that its value is in the rewritten text.
    pub(super) rewritten: bool,
    /// Where the field as written starts in the line.
    pub(super) raw_start: usize,
    /// Where it ends.
    pub(super) raw_end: usize,
}

/// The fields of the record at hand; reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) list: Vec<Field>,
    /// Values that are not written as such in the line.
    pub(super) rewritten: Vec<u8>,
}

impl Fields {
    /// Forgets the last record.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.rewritten.clear();
    }

    /// Adds a field whose value is written in the line.
    pub(super) fn push_plain(&mut self, start: usize, end: usize) {
        let (raw_start, raw_end) = (start, end);
        self.list.push(Field { start, end, rewritten: false, raw_start, raw_end });
    }

    /// Returns a field's value.
    pub(super) fn value<'a>(&'a self, field: &Field, line: &'a [u8]) -> &'a [u8] {
        let text = if field.rewritten { self.rewritten.as_slice() } else { line };
        text.get(field.start..field.end).unwrap_or_default()
    }
}

/// Why a field, or the record it is in, is refused: Redshift's code and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldError {
    pub(super) code: i32,
    pub(super) reason: String,
}

impl FieldError {
    pub(super) fn new(code: i32, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// Fewer fields than columns.
    pub(super) fn delimiter_not_found() -> Self {
        Self::new(1214, "Delimiter not found")
    }

    /// More fields than columns.
    pub(super) fn extra_columns() -> Self {
        Self::new(1202, "Extra column(s) found")
    }

    /// A quotation mark without its partner.
    pub(super) fn missing_end_quote() -> Self {
        Self::new(1214, "Delimited value missing end quote")
    }

    /// A quotation mark where none may be.
    pub(super) fn invalid_quotes() -> Self {
        Self::new(1214, "Invalid quote formatting for CSV")
    }
}
