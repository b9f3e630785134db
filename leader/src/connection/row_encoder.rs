//! Arrow batches → DataRow messages, in text or binary form per column.
//!
//! A column is resolved once per batch to a typed array; a value then costs one branch on the kind
//! of its column and is written straight into the output buffer, behind a length that is filled in
//! after it.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
        Int16Array, Int32Array, Int64Array, RecordBatch, StringViewArray, StringViewBuilder,
        Time64MicrosecondArray, TimestampMicrosecondArray, cast::AsArray,
    },
    buffer::NullBuffer,
    compute::{CastOptions, cast_with_options},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
        Int64Type, Schema, Time64MicrosecondType, TimestampMicrosecondType,
    },
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use bytes::{BufMut, BytesMut};
use engine::{
    client_error::SqlState,
    types::{
        SqlType, printed,
        text_format::{self, TextBuffer},
    },
};
use pgwire::messages::data::{
    FORMAT_CODE_BINARY, FORMAT_CODE_TEXT, FieldDescription, MESSAGE_TYPE_BYTE_DATA_ROW,
    RowDescription,
};

use super::numeric;
use crate::error::Error;

/// 1970-01-01 to 2000-01-01, where binary days and moments count from.
const DAYS_TO_2000: i32 = 10_957;
const MICROS_TO_2000: i64 = 946_684_800_000_000;

/// Which type and which form each column of a result is sent in.
#[derive(Debug, Clone)]
pub(crate) struct RowEncoder {
    columns: Vec<ResultColumn>,
}

#[derive(Debug, Clone)]
struct ResultColumn {
    name: String,
    sql_type: Option<SqlType>,
    binary: bool,
}

impl RowEncoder {
    /// Returns an encoder for results of this schema; `formats` are Bind's: none (all text), one
    /// for all, or one per column.
    pub(crate) fn new(schema: &Schema, formats: &[i16]) -> Result<Self, Error> {
        let column_count = schema.fields().len();
        if formats.len() > 1 && formats.len() != column_count {
            let message = format!(
                "bind message has {} result formats but query has {column_count} columns",
                formats.len()
            );
            return Err(Error::statement(SqlState::PROTOCOL_VIOLATION, message));
        }
        if i16::try_from(column_count).is_err() {
            let message = format!("a result cannot have {column_count} columns");
            return Err(Error::statement(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        let mut columns = Vec::with_capacity(column_count);
        for (index, field) in schema.fields().iter().enumerate() {
            let format = match formats {
                [] => FORMAT_CODE_TEXT,
                [all] => *all,
                each => each[index],
            };
            if format != FORMAT_CODE_TEXT && format != FORMAT_CODE_BINARY {
                let message = format!("unsupported format code: {format}");
                return Err(Error::statement(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            columns.push(ResultColumn {
                name: field.name().clone(),
                sql_type: SqlType::of_field(field),
                binary: format == FORMAT_CODE_BINARY,
            });
        }
        Ok(Self { columns })
    }

    /// Returns the message that describes the columns.
    pub(crate) fn description(&self) -> RowDescription {
        RowDescription::new(self.columns.iter().map(ResultColumn::description).collect())
    }

    /// Returns an encoder for the rows of one batch.
    pub(crate) fn batch(&self, batch: &RecordBatch) -> Result<BatchEncoder, Error> {
        if batch.num_columns() != self.columns.len() {
            let message = format!(
                "a batch of {} columns in a result of {}",
                batch.num_columns(),
                self.columns.len()
            );
            return Err(Error::statement(SqlState::INTERNAL_ERROR, message));
        }
        let columns = self.columns.iter().zip(batch.columns());
        let columns = columns.map(|(column, array)| ColumnEncoder::new(column, array));
        Ok(BatchEncoder {
            columns: columns.collect::<Result<_, _>>()?,
            row_count: batch.num_rows(),
        })
    }
}

impl ResultColumn {
    fn description(&self) -> FieldDescription {
        // What Redshift has no type for is shown as text.
        let (oid, typlen, typmod) = self.sql_type.map_or((1043, -1, -1), |sql_type| {
            (sql_type.oid(), sql_type.typlen(), sql_type.typmod())
        });
        let format = if self.binary { FORMAT_CODE_BINARY } else { FORMAT_CODE_TEXT };
        FieldDescription::new(self.name.clone(), 0, 0, oid, typlen, typmod, format)
    }
}

/// Encodes the rows of one batch.
pub(crate) struct BatchEncoder {
    columns: Vec<ColumnEncoder>,
    row_count: usize,
}

impl BatchEncoder {
    /// Returns how many rows the batch has.
    pub(crate) fn row_count(&self) -> usize {
        self.row_count
    }

    /// Appends one row as a DataRow message.
    pub(crate) fn encode(&self, row: usize, out: &mut BytesMut) {
        out.put_u8(MESSAGE_TYPE_BYTE_DATA_ROW);
        let start = out.len();
        out.put_i32(0);
        // Checked when the encoder was made: the number of columns fits.
        out.put_u16(self.columns.len() as u16);
        for column in &self.columns {
            column.encode(row, out);
        }
        patch_length(out, start, out.len() - start);
    }
}

/// Writes a length over the four bytes at `at`.
fn patch_length(out: &mut BytesMut, at: usize, length: usize) {
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

struct ColumnEncoder {
    values: Values,
    nulls: Option<NullBuffer>,
    binary: bool,
}

enum Values {
    Boolean(BooleanArray),
    Int16(Int16Array),
    Int32(Int32Array),
    Int64(Int64Array),
    Oid(Int64Array),
    Float32(Float32Array),
    Float64(Float64Array),
    Decimal(Decimal128Array, u32),
    Text(StringViewArray),
    Char(StringViewArray, usize),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    TimestampTz(TimestampMicrosecondArray),
}

impl ColumnEncoder {
    fn new(column: &ResultColumn, array: &ArrayRef) -> Result<Self, Error> {
        let array = conform(array, column.sql_type)?;
        let values = match column.sql_type {
            Some(SqlType::Boolean) => array.as_boolean_opt().cloned().map(Values::Boolean),
            Some(SqlType::SmallInt) => {
                array.as_primitive_opt::<Int16Type>().cloned().map(Values::Int16)
            }
            Some(SqlType::Integer) => {
                array.as_primitive_opt::<Int32Type>().cloned().map(Values::Int32)
            }
            Some(SqlType::BigInt) => {
                array.as_primitive_opt::<Int64Type>().cloned().map(Values::Int64)
            }
            Some(SqlType::Oid) => array.as_primitive_opt::<Int64Type>().cloned().map(Values::Oid),
            Some(SqlType::Real) => {
                array.as_primitive_opt::<Float32Type>().cloned().map(Values::Float32)
            }
            Some(SqlType::DoublePrecision) => {
                array.as_primitive_opt::<Float64Type>().cloned().map(Values::Float64)
            }
            Some(SqlType::Decimal { scale, .. }) => array
                .as_primitive_opt::<Decimal128Type>()
                .cloned()
                .map(|values| Values::Decimal(values, u32::try_from(scale).unwrap_or(0))),
            Some(SqlType::Char { length }) => array
                .as_string_view_opt()
                .cloned()
                .map(|values| Values::Char(values, length as usize)),
            Some(SqlType::Varchar { .. } | SqlType::Name) | None => {
                array.as_string_view_opt().cloned().map(Values::Text)
            }
            Some(SqlType::Date) => {
                array.as_primitive_opt::<Date32Type>().cloned().map(Values::Date)
            }
            Some(SqlType::Time) => {
                array.as_primitive_opt::<Time64MicrosecondType>().cloned().map(Values::Time)
            }
            Some(SqlType::Timestamp) => {
                array.as_primitive_opt::<TimestampMicrosecondType>().cloned().map(Values::Timestamp)
            }
            Some(SqlType::TimestampTz) => array
                .as_primitive_opt::<TimestampMicrosecondType>()
                .cloned()
                .map(Values::TimestampTz),
        };
        let values = values.ok_or_else(|| {
            let message = format!("column \"{}\" arrived as {}", column.name, array.data_type());
            Error::statement(SqlState::INTERNAL_ERROR, message)
        })?;
        Ok(Self { values, nulls: array.logical_nulls(), binary: column.binary })
    }

    fn encode(&self, row: usize, out: &mut BytesMut) {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            out.put_i32(-1);
        } else if self.binary {
            self.encode_binary(row, out);
        } else {
            self.encode_text(row, out);
        }
    }

    fn encode_text(&self, row: usize, out: &mut BytesMut) {
        let mut text = TextBuffer::new();
        match &self.values {
            Values::Boolean(values) => {
                return put(out, if values.value(row) { b"t" } else { b"f" });
            }
            Values::Text(values) => return put(out, values.value(row).as_bytes()),
            Values::Char(values, length) => {
                return put_padded(out, values.value(row).as_bytes(), *length);
            }
            Values::Int16(values) => text_format::integer(values.value(row), &mut text),
            Values::Int32(values) => text_format::integer(values.value(row), &mut text),
            Values::Int64(values) | Values::Oid(values) => {
                text_format::integer(values.value(row), &mut text);
            }
            Values::Float32(values) => text_format::float4(values.value(row), &mut text),
            Values::Float64(values) => text_format::float8(values.value(row), &mut text),
            Values::Decimal(values, scale) => {
                text_format::decimal(values.value(row), *scale, &mut text);
            }
            Values::Date(values) => text_format::date(values.value(row), &mut text),
            Values::Time(values) => text_format::time(values.value(row), &mut text),
            Values::Timestamp(values) => {
                text_format::timestamp(values.value(row), false, &mut text);
            }
            Values::TimestampTz(values) => {
                text_format::timestamp(values.value(row), true, &mut text);
            }
        }
        put(out, text.as_bytes());
    }

    fn encode_binary(&self, row: usize, out: &mut BytesMut) {
        match &self.values {
            Values::Boolean(values) => put(out, &[u8::from(values.value(row))]),
            Values::Int16(values) => put(out, &values.value(row).to_be_bytes()),
            Values::Int32(values) => put(out, &values.value(row).to_be_bytes()),
            Values::Int64(values) => put(out, &values.value(row).to_be_bytes()),
            // An OID is held in eight bytes and sent in four.
            Values::Oid(values) => put(out, &(values.value(row) as u32).to_be_bytes()),
            Values::Float32(values) => put(out, &values.value(row).to_be_bytes()),
            Values::Float64(values) => put(out, &values.value(row).to_be_bytes()),
            Values::Decimal(values, scale) => numeric::put(out, values.value(row), *scale),
            Values::Text(values) => put(out, values.value(row).as_bytes()),
            Values::Char(values, length) => {
                put_padded(out, values.value(row).as_bytes(), *length);
            }
            Values::Date(values) => {
                put(out, &values.value(row).saturating_sub(DAYS_TO_2000).to_be_bytes());
            }
            Values::Time(values) => put(out, &values.value(row).to_be_bytes()),
            Values::Timestamp(values) | Values::TimestampTz(values) => {
                put(out, &values.value(row).saturating_sub(MICROS_TO_2000).to_be_bytes());
            }
        }
    }
}

/// Appends a value behind its length.
#[inline]
fn put(out: &mut BytesMut, value: &[u8]) {
    out.reserve(4 + value.len());
    out.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
    out.extend_from_slice(value);
}

/// Appends a CHAR behind its length, blank-padded.
fn put_padded(out: &mut BytesMut, value: &[u8], length: usize) {
    let padding = length.saturating_sub(value.len());
    out.put_i32(i32::try_from(value.len() + padding).unwrap_or(i32::MAX));
    out.extend_from_slice(value);
    out.put_bytes(b' ', padding);
}

/// Returns the array in the one form its described type is encoded from: integers widened,
/// dictionaries unpacked, what has no type of its own as text.
fn conform(array: &ArrayRef, sql_type: Option<SqlType>) -> Result<ArrayRef, Error> {
    let Some(sql_type) = sql_type else {
        return display(array);
    };
    let target = match sql_type {
        // A negative scale is printed as the whole number it stands for.
        SqlType::Decimal { precision, scale } => DataType::Decimal128(precision, scale.max(0)),
        other => other.arrow(),
    };
    if *array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, &target, &options).map_err(|error| match error {
        ArrowError::CastError(message) | ArrowError::ComputeError(message) => {
            Error::statement(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
        }
        other => Error::statement(SqlState::INTERNAL_ERROR, other.to_string()),
    })
}

/// Returns the array's values as text.
fn display(array: &ArrayRef) -> Result<ArrayRef, Error> {
    let internal =
        |error: ArrowError| Error::statement(SqlState::INTERNAL_ERROR, error.to_string());
    if let Some(texts) = printed(array).map_err(internal)? {
        return Ok(Arc::new(texts));
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).map_err(internal)?;
    let mut texts = StringViewBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
        } else {
            texts.append_value(formatter.value(row).try_to_string().map_err(internal)?);
        }
    }
    Ok(Arc::new(texts.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(sql_type: SqlType, array: ArrayRef, format: i16) -> Vec<Option<Vec<u8>>> {
        let field = sql_type.field("c", true).with_data_type(array.data_type().clone());
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
        let encoder = RowEncoder::new(&schema, &[format]).unwrap().batch(&batch).unwrap();
        (0..batch.num_rows())
            .map(|row| {
                let mut out = BytesMut::new();
                encoder.encode(row, &mut out);
                assert_eq!(out[0], b'D');
                assert_eq!(
                    i32::from_be_bytes(out[1..5].try_into().unwrap()) as usize,
                    out.len() - 1
                );
                match i32::from_be_bytes(out[7..11].try_into().unwrap()) {
                    -1 => None,
                    length => {
                        assert_eq!(length as usize, out.len() - 11);
                        Some(out[11..].to_vec())
                    }
                }
            })
            .collect()
    }

    fn text(sql_type: SqlType, array: ArrayRef) -> Vec<Option<String>> {
        let values = encoded(sql_type, array, FORMAT_CODE_TEXT).into_iter();
        values.map(|value| value.map(|bytes| String::from_utf8(bytes).unwrap())).collect()
    }

    #[test]
    fn char_is_padded_in_both_forms() {
        let array: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("ab"), None, Some("abcdef")]));
        let expected = [Some("ab   ".to_owned()), None, Some("abcdef".to_owned())];
        assert_eq!(text(SqlType::Char { length: 5 }, Arc::clone(&array)), expected);
        let binary = encoded(SqlType::Char { length: 5 }, array, FORMAT_CODE_BINARY);
        assert_eq!(binary[0].as_deref(), Some(&b"ab   "[..]));
    }

    #[test]
    fn what_has_no_type_of_its_own_is_text() {
        use arrow::{array::ListArray, datatypes::Int32Type};
        let lists =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]);
        let schema =
            Schema::new(vec![arrow::datatypes::Field::new("l", lists.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(lists)]).unwrap();
        let encoder = RowEncoder::new(&schema, &[]).unwrap();
        assert_eq!(encoder.description().fields[0].type_id, 1043);
        let mut out = BytesMut::new();
        encoder.batch(&batch).unwrap().encode(0, &mut out);
        assert_eq!(&out[11..], b"{1,NULL}");
    }

    #[test]
    fn narrow_and_unsigned_integers_are_widened() {
        let array: ArrayRef = Arc::new(arrow::array::UInt32Array::from(vec![u32::MAX]));
        assert_eq!(text(SqlType::BigInt, array), [Some(u32::MAX.to_string())]);
        let array: ArrayRef = Arc::new(arrow::array::UInt64Array::from(vec![u64::MAX]));
        let schema = Schema::new(vec![arrow::datatypes::Field::new("n", DataType::UInt64, true)]);
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![array]).unwrap();
        assert!(RowEncoder::new(&schema, &[]).unwrap().batch(&batch).is_err());
    }

    #[test]
    fn wrong_counts_of_formats_are_refused() {
        let schema = Schema::new(vec![SqlType::Integer.field("a", true); 3]);
        assert!(RowEncoder::new(&schema, &[0, 1]).is_err());
        assert!(RowEncoder::new(&schema, &[2]).is_err());
        assert!(RowEncoder::new(&schema, &[1]).is_ok());
    }
}
