//! Bound parameters: bytes in text or binary form → values of the type they are declared or
//! inferred to be.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray},
    compute::{CastOptions, cast_with_options},
    datatypes::DataType,
};
use bytes::{Buf, Bytes};
use datafusion::common::ScalarValue;
use engine::{
    client_error::SqlState,
    types::{DECIMAL_PRECISION_MAX, SqlType, VARCHAR_LENGTH_MAX},
};
use pgwire::messages::data::{FORMAT_CODE_BINARY, FORMAT_CODE_TEXT};

use super::{frontend::Bind, numeric};
use crate::error::Error;

/// `invalid_binary_representation`.
const INVALID_BINARY_REPRESENTATION: SqlState = SqlState("22P03");
/// The OID of a string literal without a type; Redshift's Python driver binds text as this.
const OID_UNKNOWN: u32 = 705;
/// 1970-01-01 to 2000-01-01, where binary days and moments count from.
const DAYS_TO_2000: i32 = 10_957;
const MICROS_TO_2000: i64 = 946_684_800_000_000;
/// The scale a parameter declared NUMERIC is planned with; its value keeps its own.
const NUMERIC_SCALE: i8 = 10;

/// Returns the type an OID of Parse declares; `None` when it leaves the type to be inferred.
pub(crate) fn declared_type(oid: u32) -> Result<Option<SqlType>, Error> {
    Ok(Some(match oid {
        0 | OID_UNKNOWN => return Ok(None),
        16 => SqlType::Boolean,
        18 | 25 | 1042 | 1043 => SqlType::Varchar { length: VARCHAR_LENGTH_MAX },
        19 => SqlType::Name,
        20 => SqlType::BigInt,
        21 => SqlType::SmallInt,
        23 => SqlType::Integer,
        26 => SqlType::Oid,
        700 => SqlType::Real,
        701 => SqlType::DoublePrecision,
        1082 => SqlType::Date,
        1083 => SqlType::Time,
        1114 => SqlType::Timestamp,
        1184 => SqlType::TimestampTz,
        1700 => SqlType::Decimal { precision: DECIMAL_PRECISION_MAX, scale: NUMERIC_SCALE },
        other => {
            return Err(Error::Statement {
                sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
                message: format!("parameters of the type with OID {other} are not supported"),
                hint: Some("Bind it as text, with OID 0.".to_owned()),
            });
        }
    }))
}

/// Returns the values of Bind for parameters of these types.
pub(crate) fn decode(bind: &Bind, types: &[SqlType]) -> Result<Vec<ScalarValue>, Error> {
    let count = bind.parameters.len();
    if count != types.len() {
        let message = format!(
            "bind message supplies {count} parameters, but prepared statement \"{}\" requires {}",
            bind.statement,
            types.len()
        );
        return Err(Error::statement(SqlState::PROTOCOL_VIOLATION, message));
    }
    let formats = &bind.parameter_formats;
    if formats.len() > 1 && formats.len() != count {
        let message =
            format!("bind message has {} parameter formats but {count} parameters", formats.len());
        return Err(Error::statement(SqlState::PROTOCOL_VIOLATION, message));
    }
    let mut values = Vec::with_capacity(count);
    for (index, (value, sql_type)) in bind.parameters.iter().zip(types).enumerate() {
        let format = match formats.as_slice() {
            [] => FORMAT_CODE_TEXT,
            [all] => *all,
            each => each[index],
        };
        values.push(match (value, format) {
            (None, _) => null(*sql_type)?,
            (Some(value), FORMAT_CODE_TEXT) => from_text(text(value)?, *sql_type)?,
            (Some(value), FORMAT_CODE_BINARY) => from_binary(value, *sql_type, index)?,
            (Some(_), other) => {
                let message = format!("unsupported format code: {other}");
                return Err(Error::statement(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        });
    }
    Ok(values)
}

fn null(sql_type: SqlType) -> Result<ScalarValue, Error> {
    Ok(ScalarValue::try_from(&sql_type.arrow())?)
}

fn text(value: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(value).map_err(|error| {
        let byte = value.get(error.valid_up_to()).copied().unwrap_or_default();
        let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}");
        Error::statement(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
    })?;
    if text.contains('\0') {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(Error::statement(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message));
    }
    Ok(text)
}

fn from_text(value: &str, sql_type: SqlType) -> Result<ScalarValue, Error> {
    let trimmed = value.trim();
    Ok(match sql_type {
        SqlType::Char { .. } | SqlType::Varchar { .. } | SqlType::Name => {
            ScalarValue::Utf8View(Some(value.to_owned()))
        }
        SqlType::Boolean => ScalarValue::Boolean(Some(boolean(trimmed)?)),
        SqlType::SmallInt => ScalarValue::Int16(Some(integer(trimmed, sql_type)?)),
        SqlType::Integer => ScalarValue::Int32(Some(integer(trimmed, sql_type)?)),
        SqlType::BigInt => ScalarValue::Int64(Some(integer(trimmed, sql_type)?)),
        SqlType::Oid => ScalarValue::Int64(Some(i64::from(integer::<u32>(trimmed, sql_type)?))),
        SqlType::Real => ScalarValue::Float32(Some(
            trimmed.parse().map_err(|_| invalid_text(trimmed, sql_type))?,
        )),
        SqlType::DoublePrecision => ScalarValue::Float64(Some(
            trimmed.parse().map_err(|_| invalid_text(trimmed, sql_type))?,
        )),
        SqlType::Decimal { .. } => decimal(trimmed, sql_type)?,
        SqlType::Date | SqlType::Time | SqlType::TimestampTz => moment(trimmed, sql_type)?,
        // PostgreSQL does not look at a zone where the type has none.
        SqlType::Timestamp => moment(without_zone(trimmed), sql_type)?,
    })
}

fn invalid_text(value: &str, sql_type: SqlType) -> Error {
    let name = match sql_type {
        SqlType::Decimal { .. } => "numeric".to_owned(),
        other => other.to_string(),
    };
    let message = format!("invalid input syntax for type {name}: \"{value}\"");
    Error::statement(SqlState::INVALID_TEXT_REPRESENTATION, message)
}

fn boolean(value: &str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(true),
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Ok(false),
        _ => Err(invalid_text(value, SqlType::Boolean)),
    }
}

fn integer<T: TryFrom<i128>>(value: &str, sql_type: SqlType) -> Result<T, Error> {
    let wide: i128 = value.parse().map_err(|_| invalid_text(value, sql_type))?;
    T::try_from(wide).map_err(|_| {
        let message = format!("value \"{value}\" is out of range for type {sql_type}");
        Error::statement(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
    })
}

/// Reads an exact number and keeps the scale it is written with.
fn decimal(value: &str, sql_type: SqlType) -> Result<ScalarValue, Error> {
    let invalid = || invalid_text(value, sql_type);
    let (mantissa, exponent) = match value.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| invalid())?),
        None => (value, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, whole.strip_prefix('+').unwrap_or(whole)),
    };
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let scale = i32::try_from(fraction.len()).unwrap_or(i32::MAX).saturating_sub(exponent);
    let out_of_range =
        || Error::statement(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    let mut unscaled: i128 = digits.trim_start_matches('0').parse().or_else(|_| {
        if digits.bytes().all(|byte| byte == b'0') { Ok(0) } else { Err(out_of_range()) }
    })?;
    if scale < 0 {
        let factor = 10_i128.checked_pow(scale.unsigned_abs()).ok_or_else(out_of_range)?;
        unscaled = unscaled.checked_mul(factor).ok_or_else(out_of_range)?;
    }
    numeric::scalar(sign * unscaled, scale.max(0))
}

/// Reads a day, a time of day or a moment through Arrow's parser.
fn moment(value: &str, sql_type: SqlType) -> Result<ScalarValue, Error> {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(&texts, &sql_type.arrow(), &options).map_err(|_| {
        let message = format!("invalid input syntax for type {sql_type}: \"{value}\"");
        Error::statement(SqlState::INVALID_DATETIME_FORMAT, message)
    })?;
    Ok(ScalarValue::try_from_array(&array, 0)?)
}

/// Cuts the zone off a timestamp: what follows `+`, `-` or `Z` after the day.
fn without_zone(value: &str) -> &str {
    const DAY_CHARACTERS: usize = "2024-01-01".len();
    match value.get(DAY_CHARACTERS..) {
        Some(rest) => match rest.find(['+', '-', 'Z', 'z']) {
            Some(at) => value[..DAY_CHARACTERS + at].trim_end(),
            None => value,
        },
        None => value,
    }
}

fn from_binary(value: &Bytes, sql_type: SqlType, index: usize) -> Result<ScalarValue, Error> {
    let mut reader = value.clone();
    let invalid = || {
        let message = format!("incorrect binary data format in bind parameter {}", index + 1);
        Error::statement(INVALID_BINARY_REPRESENTATION, message)
    };
    let expect = |length: usize| if value.len() == length { Ok(()) } else { Err(invalid()) };
    Ok(match sql_type {
        SqlType::Char { .. } | SqlType::Varchar { .. } | SqlType::Name => {
            ScalarValue::Utf8View(Some(text(value)?.to_owned()))
        }
        SqlType::Boolean => {
            expect(1)?;
            ScalarValue::Boolean(Some(reader.get_u8() != 0))
        }
        SqlType::SmallInt => {
            expect(2)?;
            ScalarValue::Int16(Some(reader.get_i16()))
        }
        SqlType::Integer => {
            expect(4)?;
            ScalarValue::Int32(Some(reader.get_i32()))
        }
        SqlType::BigInt => {
            expect(8)?;
            ScalarValue::Int64(Some(reader.get_i64()))
        }
        SqlType::Oid => {
            expect(4)?;
            ScalarValue::Int64(Some(i64::from(reader.get_u32())))
        }
        SqlType::Real => {
            expect(4)?;
            ScalarValue::Float32(Some(reader.get_f32()))
        }
        SqlType::DoublePrecision => {
            expect(8)?;
            ScalarValue::Float64(Some(reader.get_f64()))
        }
        SqlType::Date => {
            expect(4)?;
            ScalarValue::Date32(Some(reader.get_i32().saturating_add(DAYS_TO_2000)))
        }
        SqlType::Time => {
            expect(8)?;
            ScalarValue::Time64Microsecond(Some(reader.get_i64()))
        }
        SqlType::Timestamp | SqlType::TimestampTz => {
            expect(8)?;
            let micros = reader.get_i64().saturating_add(MICROS_TO_2000);
            let zone = match sql_type.arrow() {
                DataType::Timestamp(_, zone) => zone,
                _ => None,
            };
            ScalarValue::TimestampMicrosecond(Some(micros), zone)
        }
        SqlType::Decimal { .. } => numeric::get(reader).ok_or_else(invalid)??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<ScalarValue, Error>) -> SqlState {
        use engine::client_error::ClientError;
        result.unwrap_err().sqlstate()
    }

    #[test]
    fn text_forms() {
        let numeric = SqlType::Decimal { precision: 38, scale: 10 };
        assert_eq!(
            from_text("-1.50", numeric).unwrap(),
            ScalarValue::Decimal128(Some(-150), 38, 2)
        );
        assert_eq!(from_text("1e3", numeric).unwrap(), ScalarValue::Decimal128(Some(1000), 38, 0));
        assert_eq!(from_text(" 42 ", SqlType::SmallInt).unwrap(), ScalarValue::Int16(Some(42)));
        assert_eq!(
            from_text("2024-01-01 10:00:00+02", SqlType::Timestamp).unwrap(),
            ScalarValue::TimestampMicrosecond(Some(1_704_103_200_000_000), None)
        );
        assert_eq!(
            from_text("2024-01-01 10:00:00+02", SqlType::TimestampTz).unwrap(),
            ScalarValue::TimestampMicrosecond(Some(1_704_096_000_000_000), Some("UTC".into()))
        );
        assert_eq!(
            from_text("2024-01-01", SqlType::Date).unwrap(),
            ScalarValue::Date32(Some(19_723))
        );
    }

    #[test]
    fn wrong_values_have_postgresql_codes() {
        assert_eq!(code(from_text("x", SqlType::Integer)), SqlState::INVALID_TEXT_REPRESENTATION);
        assert_eq!(
            code(from_text("70000", SqlType::SmallInt)),
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE
        );
        assert_eq!(
            code(from_text("maybe", SqlType::Boolean)),
            SqlState::INVALID_TEXT_REPRESENTATION
        );
        assert_eq!(code(from_text("1-2", SqlType::Date)), SqlState::INVALID_DATETIME_FORMAT);
        let three = Bytes::from_static(&[1, 2, 3]);
        assert_eq!(code(from_binary(&three, SqlType::Integer, 0)), INVALID_BINARY_REPRESENTATION);
    }
}
