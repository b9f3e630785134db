//! Assembles whole rows and checks what the table's definition demands of them.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray},
    compute::cast,
    datatypes::SchemaRef,
    error::ArrowError,
};

use crate::{
    client_error::{ClientError, SqlState},
    types::SqlType,
};

/// Where the values of one column come from.
#[derive(Debug, Clone)]
pub enum ColumnSource {
    /// The column at this position of the given batches.
    Given(usize),
    /// One value for every row: DEFAULT, or NULL. An array of length 1.
    Constant(ArrayRef),
    /// The next values of an IDENTITY column.
    Identity {
        /// The next value, shared by all writers of the table.
        next: Arc<AtomicI64>,
        /// The distance between values.
        step: i64,
    },
}

/// Turns batches of given columns into batches of a table.
#[derive(Debug, Clone)]
pub struct RowAssembler {
    schema: SchemaRef,
    sources: Vec<ColumnSource>,
}

/// A value that the table's definition does not allow.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// NULL in a NOT NULL column.
    #[error("Cannot insert a NULL value into column {0}")]
    NullValue(String),
    /// Text that is too long, in bytes.
    #[error("value too long for type {sql_type}")]
    TooLong {
        /// The column.
        column: String,
        /// Its type.
        sql_type: SqlType,
        /// The value's length in bytes.
        length: usize,
    },
    /// A character of several bytes in a CHAR.
    #[error("CHAR string contains invalid ASCII character")]
    NotAscii {
        /// The column.
        column: String,
    },
    /// A value that Arrow could not convert.
    #[error("column \"{column}\": {reason}")]
    Convert {
        /// The column.
        column: String,
        /// What Arrow says.
        reason: String,
    },
}

impl ClientError for WriteError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::NullValue(_) => SqlState::NOT_NULL_VIOLATION,
            Self::TooLong { .. } => SqlState::STRING_DATA_RIGHT_TRUNCATION,
            Self::NotAscii { .. } => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Self::Convert { .. } => SqlState::DATA_EXCEPTION,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::TooLong { column, length, .. } => Some(format!(
                "The value for column \"{column}\" has {length} bytes; lengths count bytes, not characters."
            )),
            Self::NotAscii { column } => Some(format!(
                "Column \"{column}\" is a CHAR, which takes characters of one byte only; a VARCHAR takes all."
            )),
            _ => None,
        }
    }
}

impl RowAssembler {
    /// Returns an assembler for a table's schema, with one source per column.
    pub fn new(schema: SchemaRef, sources: Vec<ColumnSource>) -> Self {
        debug_assert_eq!(schema.fields().len(), sources.len(), "one source per column");
        Self { schema, sources }
    }

    /// Returns whole, checked rows.
    pub fn assemble(&self, given: &RecordBatch) -> Result<RecordBatch, WriteError> {
        let rows = given.num_rows();
        let mut columns = Vec::with_capacity(self.sources.len());
        for (field, source) in self.schema.fields().iter().zip(&self.sources) {
            let convert = |error: ArrowError| WriteError::Convert {
                column: field.name().clone(),
                reason: error.to_string(),
            };
            let values = match source {
                ColumnSource::Given(position) => Arc::clone(given.column(*position)),
                ColumnSource::Constant(value) => repeat(value, rows).map_err(convert)?,
                ColumnSource::Identity { next, step } => identity(next, *step, rows),
            };
            let values = if values.data_type() == field.data_type() {
                values
            } else {
                cast(&values, field.data_type()).map_err(convert)?
            };
            if !field.is_nullable() && values.null_count() > 0 {
                return Err(WriteError::NullValue(field.name().clone()));
            }
            let sql_type = SqlType::of_field(field);
            columns.push(fit(values, sql_type, field.name())?);
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| {
            WriteError::Convert { column: "*".to_owned(), reason: error.to_string() }
        })
    }
}

fn repeat(value: &ArrayRef, rows: usize) -> Result<ArrayRef, ArrowError> {
    let zeros = arrow::array::UInt32Array::from(vec![0; rows]);
    arrow::compute::take(value, &zeros, None)
}

fn identity(next: &AtomicI64, step: i64, rows: usize) -> ArrayRef {
    let count = i64::try_from(rows).unwrap_or(i64::MAX);
    let first = next.fetch_add(step.wrapping_mul(count), Ordering::Relaxed);
    let values = (0..count).map(|row| first.wrapping_add(step.wrapping_mul(row)));
    Arc::new(Int64Array::from_iter_values(values))
}

/// Makes text fit its column, or says that it does not: CHAR loses its trailing blanks (they are
/// padding), and blanks beyond the length are cut, as Redshift does.
fn fit(values: ArrayRef, sql_type: Option<SqlType>, column: &str) -> Result<ArrayRef, WriteError> {
    let Some(sql_type) = sql_type else { return Ok(values) };
    let (length_max, is_char) = match sql_type {
        SqlType::Char { length } => (length as usize, true),
        SqlType::Varchar { length } => (length as usize, false),
        _ => return Ok(values),
    };
    let Some(text) = values.as_string_view_opt() else { return Ok(values) };
    if is_char && !text.iter().flatten().all(str::is_ascii) {
        return Err(WriteError::NotAscii { column: column.to_owned() });
    }
    let fits = |value: &str| value.len() <= length_max && !(is_char && value.ends_with(' '));
    if text.iter().flatten().all(fits) {
        return Ok(values);
    }
    let mut fitted = Vec::with_capacity(text.len());
    for value in text {
        let Some(value) = value else {
            fitted.push(None);
            continue;
        };
        let kept =
            if is_char || value.len() > length_max { value.trim_end_matches(' ') } else { value };
        if kept.len() > length_max {
            let column = column.to_owned();
            return Err(WriteError::TooLong { column, sql_type, length: value.len() });
        }
        // Only blanks were beyond the length; VARCHAR keeps those that fit.
        let kept = if is_char { kept } else { &value[..value.len().min(length_max)] };
        fitted.push(Some(kept));
    }
    Ok(Arc::new(StringViewArray::from(fitted)))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;

    use super::*;

    fn assemble(
        sql_type: SqlType,
        nullable: bool,
        value: Option<&str>,
    ) -> Result<Option<String>, WriteError> {
        let schema = Arc::new(Schema::new(vec![sql_type.field("c", nullable)]));
        let given = RecordBatch::try_from_iter([(
            "c",
            Arc::new(StringViewArray::from(vec![value])) as ArrayRef,
        )])
        .unwrap();
        let whole = RowAssembler::new(schema, vec![ColumnSource::Given(0)]).assemble(&given)?;
        let text = whole.column(0).as_string_view();
        Ok((!text.is_null(0)).then(|| text.value(0).to_owned()))
    }

    #[test]
    fn lengths_count_bytes() {
        let four = SqlType::Varchar { length: 4 };
        assert_eq!(assemble(four, true, Some("éé")).unwrap().as_deref(), Some("éé"));
        assert!(matches!(
            assemble(four, true, Some("ééé")),
            Err(WriteError::TooLong { length: 6, .. })
        ));
    }

    #[test]
    fn blanks_beyond_the_length_are_cut() {
        let four = SqlType::Varchar { length: 4 };
        assert_eq!(assemble(four, true, Some("ab    ")).unwrap().as_deref(), Some("ab  "));
        let four = SqlType::Char { length: 4 };
        assert_eq!(assemble(four, true, Some("ab    ")).unwrap().as_deref(), Some("ab"));
    }

    #[test]
    fn char_takes_characters_of_one_byte() {
        let four = SqlType::Char { length: 4 };
        assert!(matches!(assemble(four, true, Some("é")), Err(WriteError::NotAscii { .. })));
    }

    #[test]
    fn not_null_is_enforced() {
        assert!(matches!(
            assemble(SqlType::VARCHAR_DEFAULT, false, None),
            Err(WriteError::NullValue(_))
        ));
    }
}
