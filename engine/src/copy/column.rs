//! One column of the batch being built. A row that turns out wrong is taken back with `truncate`.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
        Int16Array, Int32Array, Int64Array, StringViewArray, Time64MicrosecondArray,
        TimestampMicrosecondArray,
    },
    buffer::{Buffer, NullBuffer, ScalarBuffer},
    error::ArrowError,
};

use crate::types::SqlType;

/// Text of at most this length lies inside its view.
const INLINE_BYTES_MAX: usize = 12;

/// The values of a column.
#[derive(Debug)]
pub(super) enum Values {
    Boolean(Vec<bool>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Decimal(Vec<i128>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Text(TextValues),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>),
    TimestampTz(Vec<i64>),
}

/// The values of a text column: Arrow's views and the bytes of long values.
#[derive(Debug)]
pub(super) struct TextValues {
    views: Vec<u128>,
    bytes: Vec<u8>,
}

impl TextValues {
    /// Appends a value.
    pub(super) fn push(&mut self, value: &[u8]) {
        let mut view = [0_u8; 16];
        // A field is shorter than a chunk, a chunk shorter than 4 GB.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        view[..4].copy_from_slice(&length.to_le_bytes());
        if value.len() <= INLINE_BYTES_MAX {
            view[4..4 + value.len()].copy_from_slice(value);
        } else {
            let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
            view[4..8].copy_from_slice(&value[..4]);
            view[12..].copy_from_slice(&offset.to_le_bytes());
            self.bytes.extend_from_slice(value);
        }
        self.views.push(u128::from_le_bytes(view));
    }
}

/// A column being built.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    sql_type: SqlType,
    pub(super) values: Values,
    /// Which rows are not NULL; empty as long as none is.
    valid: Vec<bool>,
}

macro_rules! each {
    ($values:expr, $vec:ident => $body:expr) => {
        match $values {
            Values::Boolean($vec) => $body,
            Values::Int16($vec) => $body,
            Values::Int32($vec) => $body,
            Values::Int64($vec) => $body,
            Values::Decimal($vec) => $body,
            Values::Float32($vec) => $body,
            Values::Float64($vec) => $body,
            Values::Text(TextValues { views: $vec, .. }) => $body,
            Values::Date($vec) => $body,
            Values::Time($vec) | Values::Timestamp($vec) | Values::TimestampTz($vec) => $body,
        }
    };
}

impl ColumnBuilder {
    /// Returns an empty column with room for some rows.
    pub(super) fn new(sql_type: SqlType, capacity: usize) -> Self {
        let values = match sql_type {
            SqlType::Boolean => Values::Boolean(Vec::with_capacity(capacity)),
            SqlType::SmallInt => Values::Int16(Vec::with_capacity(capacity)),
            SqlType::Integer => Values::Int32(Vec::with_capacity(capacity)),
            SqlType::BigInt | SqlType::Oid => Values::Int64(Vec::with_capacity(capacity)),
            SqlType::Decimal { .. } => Values::Decimal(Vec::with_capacity(capacity)),
            SqlType::Real => Values::Float32(Vec::with_capacity(capacity)),
            SqlType::DoublePrecision => Values::Float64(Vec::with_capacity(capacity)),
            SqlType::Char { .. } | SqlType::Varchar { .. } | SqlType::Name => {
                Values::Text(TextValues { views: Vec::with_capacity(capacity), bytes: Vec::new() })
            }
            SqlType::Date => Values::Date(Vec::with_capacity(capacity)),
            SqlType::Time => Values::Time(Vec::with_capacity(capacity)),
            SqlType::Timestamp => Values::Timestamp(Vec::with_capacity(capacity)),
            SqlType::TimestampTz => Values::TimestampTz(Vec::with_capacity(capacity)),
        };
        Self { sql_type, values, valid: Vec::new() }
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        each!(&self.values, values => values.len())
    }

    /// Notes that the value just pushed is there.
    pub(super) fn pushed(&mut self) {
        if !self.valid.is_empty() {
            self.valid.push(true);
        }
    }

    /// Appends NULL.
    pub(super) fn push_null(&mut self) {
        if self.valid.is_empty() {
            self.valid = vec![true; self.len()];
        }
        self.valid.push(false);
        each!(&mut self.values, values => values.push(Default::default()));
    }

    /// Takes back the rows from `row_count` on.
    pub(super) fn truncate(&mut self, row_count: usize) {
        each!(&mut self.values, values => values.truncate(row_count));
        self.valid.truncate(row_count);
    }

    /// Returns the array.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.valid.contains(&false).then(|| NullBuffer::from(self.valid));
        Ok(match self.values {
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.into(), nulls)),
            Values::Int16(values) => Arc::new(Int16Array::new(values.into(), nulls)),
            Values::Int32(values) => Arc::new(Int32Array::new(values.into(), nulls)),
            Values::Int64(values) => Arc::new(Int64Array::new(values.into(), nulls)),
            Values::Decimal(values) => {
                let array = Decimal128Array::new(values.into(), nulls);
                Arc::new(array.with_data_type(self.sql_type.arrow()))
            }
            Values::Float32(values) => Arc::new(Float32Array::new(values.into(), nulls)),
            Values::Float64(values) => Arc::new(Float64Array::new(values.into(), nulls)),
            Values::Text(TextValues { views, mut bytes }) => {
                // The array keeps the capacity, and storage counts it as memory.
                bytes.shrink_to_fit();
                let (views, buffers) = (ScalarBuffer::from(views), vec![Buffer::from_vec(bytes)]);
                Arc::new(StringViewArray::try_new(views, buffers, nulls)?)
            }
            Values::Date(values) => Arc::new(Date32Array::new(values.into(), nulls)),
            Values::Time(values) => Arc::new(Time64MicrosecondArray::new(values.into(), nulls)),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls))
            }
            Values::TimestampTz(values) => {
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
            }
        })
    }
}
