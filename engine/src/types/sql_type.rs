//! A Redshift data type, its Arrow form, its wire form and its name.

use std::{collections::HashMap, fmt};

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

/// The key of a field's metadata that holds its Redshift type, as JSON.
pub const SQL_TYPE_KEY: &str = "blueshift.sql_type";

/// The key of a field's metadata that says that its texts may end with blanks, which comparisons ignore.
pub const TRAILING_BLANKS_KEY: &str = "blueshift.trailing_blanks";

/// The largest VARCHAR: `VARCHAR(MAX)`, in bytes.
pub const VARCHAR_LENGTH_MAX: u32 = 65_535;
/// The largest CHAR, in bytes.
pub const CHAR_LENGTH_MAX: u32 = 4_096;
/// The largest precision of DECIMAL.
pub const DECIMAL_PRECISION_MAX: u8 = 38;
/// The largest scale of DECIMAL.
pub const DECIMAL_SCALE_MAX: i8 = 37;

/// A Redshift data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SqlType {
    /// True or false.
    Boolean,
    /// Two-byte integer.
    SmallInt,
    /// Four-byte integer.
    Integer,
    /// Eight-byte integer.
    BigInt,
    /// Exact number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to 37.
        scale: i8,
    },
    /// Four-byte float.
    Real,
    /// Eight-byte float.
    DoublePrecision,
    /// Text of a fixed length in bytes, blank-padded where it is shown.
    Char {
        /// Bytes.
        length: u32,
    },
    /// Text of at most this many bytes.
    Varchar {
        /// Bytes.
        length: u32,
    },
    /// Calendar day.
    Date,
    /// Time of day, microseconds.
    Time,
    /// Date and time of day, microseconds, no zone.
    Timestamp,
    /// Moment, microseconds, shown in the session's zone.
    TimestampTz,
    /// Object id; only in catalogue tables.
    Oid,
    /// Identifier of up to 127 bytes; only in catalogue tables.
    Name,
}

impl SqlType {
    /// `VARCHAR` without a length, and `TEXT`.
    pub const VARCHAR_DEFAULT: Self = Self::Varchar { length: 256 };

    /// Returns the Arrow type that holds this type in memory and in runs.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt | Self::Oid => DataType::Int64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Real => DataType::Float32,
            Self::DoublePrecision => DataType::Float64,
            Self::Char { .. } | Self::Varchar { .. } | Self::Name => DataType::Utf8View,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Returns the type a value of an expression has for the client, when only its Arrow type is known.
    ///
    /// `None` for what Redshift has no type for (lists, structs, intervals, binary): the wire shows
    /// those as text.
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::SmallInt,
            DataType::UInt16 | DataType::Int32 => Self::Integer,
            DataType::UInt32 | DataType::Int64 | DataType::UInt64 => Self::BigInt,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale) => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            DataType::Decimal256(_, scale) => {
                Self::Decimal { precision: DECIMAL_PRECISION_MAX, scale: *scale }
            }
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::DoublePrecision,
            // A bare literal or an expression: Redshift derives a length; its maximum is always right.
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Varchar { length: VARCHAR_LENGTH_MAX }
            }
            DataType::Null => Self::VARCHAR_DEFAULT,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::TimestampTz,
            DataType::Dictionary(_, value) => return Self::from_arrow(value),
            _ => return None,
        })
    }

    /// Returns a field of this type that remembers it ([`SQL_TYPE_KEY`]).
    pub fn field(self, name: impl Into<String>, nullable: bool) -> Field {
        let json = serde_json::to_string(&self).unwrap_or_default();
        Field::new(name, self.arrow(), nullable)
            .with_metadata(HashMap::from([(SQL_TYPE_KEY.to_owned(), json)]))
    }

    /// Returns the type a field remembers, or the one its Arrow type implies.
    ///
    /// A cast keeps the metadata of what it casts, so metadata that contradicts the Arrow type is
    /// not believed.
    pub fn of_field(field: &Field) -> Option<Self> {
        field
            .metadata()
            .get(SQL_TYPE_KEY)
            .and_then(|json| serde_json::from_str::<Self>(json).ok())
            .filter(|sql_type| sql_type.arrow() == *field.data_type())
            .or_else(|| Self::from_arrow(field.data_type()))
    }

    /// Returns the OID of `pg_type` that clients decode by.
    pub fn oid(self) -> u32 {
        match self {
            Self::Boolean => 16,
            Self::Name => 19,
            Self::BigInt => 20,
            Self::SmallInt => 21,
            Self::Integer => 23,
            Self::Oid => 26,
            Self::Real => 700,
            Self::DoublePrecision => 701,
            Self::Char { .. } => 1042,
            Self::Varchar { .. } => 1043,
            Self::Date => 1082,
            Self::Time => 1083,
            Self::Timestamp => 1114,
            Self::TimestampTz => 1184,
            Self::Decimal { .. } => 1700,
        }
    }

    /// Returns the type modifier of RowDescription and `pg_attribute.atttypmod`; -1 for none.
    pub fn typmod(self) -> i32 {
        match self {
            Self::Decimal { precision, scale } => {
                ((i32::from(precision) << 16) | i32::from(scale)) + 4
            }
            Self::Char { length } | Self::Varchar { length } => {
                i32::try_from(length).map_or(-1, |length| length + 4)
            }
            _ => -1,
        }
    }

    /// Returns `pg_type.typlen`: bytes, or -1 for a type of varying size.
    pub fn typlen(self) -> i16 {
        match self {
            Self::Boolean => 1,
            Self::SmallInt => 2,
            Self::Integer | Self::Real | Self::Date | Self::Oid => 4,
            Self::BigInt
            | Self::DoublePrecision
            | Self::Time
            | Self::Timestamp
            | Self::TimestampTz => 8,
            Self::Name => 128,
            Self::Decimal { .. } | Self::Char { .. } | Self::Varchar { .. } => -1,
        }
    }

    /// Returns whether values are text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Char { .. } | Self::Varchar { .. } | Self::Name)
    }
}

impl fmt::Display for SqlType {
    /// Prints the name that `format_type` and `PG_TABLE_DEF` show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Decimal { precision, scale } => write!(f, "numeric({precision},{scale})"),
            Self::Real => f.write_str("real"),
            Self::DoublePrecision => f.write_str("double precision"),
            Self::Char { length } => write!(f, "character({length})"),
            Self::Varchar { length } => write!(f, "character varying({length})"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time without time zone"),
            Self::Timestamp => f.write_str("timestamp without time zone"),
            Self::TimestampTz => f.write_str("timestamp with time zone"),
            Self::Oid => f.write_str("oid"),
            Self::Name => f.write_str("name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_remembers_its_type() {
        let field = SqlType::Varchar { length: 25 }.field("n_name", false);
        assert_eq!(SqlType::of_field(&field), Some(SqlType::Varchar { length: 25 }));
        assert_eq!(SqlType::Varchar { length: 25 }.typmod(), 29);
    }

    #[test]
    fn metadata_that_contradicts_the_arrow_type_is_not_believed() {
        let field =
            SqlType::Varchar { length: 25 }.field("n", false).with_data_type(DataType::Int32);
        assert_eq!(SqlType::of_field(&field), Some(SqlType::Integer));
    }

    #[test]
    fn decimal_typmod_packs_precision_and_scale() {
        assert_eq!(SqlType::Decimal { precision: 15, scale: 2 }.typmod(), ((15 << 16) | 2) + 4);
    }
}
