//! A value of a system table or session function, before its column says how wide it is.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::{common::ScalarValue, error::Result};

use crate::ids;

/// A value, as a row's author writes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// NULL
    Null,
    /// A truth value.
    Boolean(bool),
    /// Integers, OIDs; microseconds of a timestamp; a decimal, unscaled.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// Text of any kind.
    Text(String),
    /// An array.
    List(Vec<Self>),
}

impl Value {
    /// Returns the scalar of an Arrow type that holds this value; NULL where the type cannot.
    pub(crate) fn scalar(&self, data_type: &DataType) -> Result<ScalarValue> {
        Ok(match (self, data_type) {
            (Self::Boolean(value), DataType::Boolean) => ScalarValue::Boolean(Some(*value)),
            (Self::Integer(value), DataType::Int16) => {
                ScalarValue::Int16(i16::try_from(*value).ok())
            }
            (Self::Integer(value), DataType::Int32) => {
                ScalarValue::Int32(i32::try_from(*value).ok())
            }
            (Self::Integer(value), DataType::Int64) => ScalarValue::Int64(Some(*value)),
            (Self::Integer(value), DataType::Decimal128(precision, scale)) => {
                ScalarValue::Decimal128(Some(i128::from(*value)), *precision, *scale)
            }
            (Self::Integer(value), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
                ScalarValue::TimestampMicrosecond(Some(*value), zone.clone())
            }
            (Self::Float(value), DataType::Float32) => ScalarValue::Float32(Some(*value as f32)),
            (Self::Float(value), DataType::Float64) => ScalarValue::Float64(Some(*value)),
            (Self::Text(value), DataType::Utf8View) => ScalarValue::Utf8View(Some(value.clone())),
            (Self::List(values), DataType::List(item)) => {
                let item = item.data_type();
                let scalars: Vec<ScalarValue> =
                    values.iter().map(|value| value.scalar(item)).collect::<Result<_>>()?;
                ScalarValue::List(ScalarValue::new_list_nullable(&scalars, item))
            }
            (Self::Null, data_type) => ScalarValue::try_from(data_type)?,
            (value, data_type) => {
                return datafusion::common::internal_err!("{value:?} is no {data_type}");
            }
        })
    }

    /// Returns the value that a scalar holds.
    pub(crate) fn of_scalar(scalar: &ScalarValue) -> Result<Self> {
        Ok(match scalar {
            ScalarValue::Boolean(Some(value)) => Self::Boolean(*value),
            ScalarValue::Int64(Some(value)) => Self::Integer(*value),
            ScalarValue::Float64(Some(value)) => Self::Float(*value),
            ScalarValue::Utf8View(Some(value)) => Self::Text(value.clone()),
            scalar if scalar.is_null() => Self::Null,
            scalar => {
                return datafusion::common::internal_err!("{scalar:?} was not coerced");
            }
        })
    }

    /// Returns the text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer, if it is one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }
}

macro_rules! from_integer {
    ($($type:ty),+) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::Integer(i64::from(value))
            }
        })+
    };
}

from_integer!(i16, i32, i64, u8, u16, u32);

macro_rules! from_id {
    ($($id:ident),+) => {
        $(impl From<ids::$id> for Value {
            fn from(value: ids::$id) -> Self {
                Self::from(value.0)
            }
        })+
    };
}

from_id!(DatabaseId, TableId, SchemaId, ColumnId, UserId, SliceId, Xid, QueryId, Pid);

impl From<u64> for Value {
    /// Saturates: no count of rows or bytes comes near.
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::Text(value.to_string())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// Makes a row of [`Value`]s from whatever converts to one.
macro_rules! row {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::system::value::Value::from($value)),*]
    };
}
pub(crate) use row;

/// NULL, for a row.
pub(crate) const NULL: Value = Value::Null;
