//! Casts that Arrow does otherwise: what does not fit or cannot be read is an error with Redshift's code,
//! and moments, floats and intervals become text as PostgreSQL prints them.
//!
//! | value                    | error                                                          |
//! |--------------------------|----------------------------------------------------------------|
//! | text that is no number   | 22P02 `invalid input syntax for integer: "x"`                  |
//! | too large for an integer | 22003 `integer out of range`                                   |
//! | too large for a DECIMAL  | 22003 `Numeric data overflow (result precision)`               |
//! | too large for a float    | 22003 `value out of range: overflow`                           |
//! | text that is no date     | 22007 `invalid input syntax for type date: "x"`                |
//! | a day that does not exist| 22008 `date/time field value out of range: "2023-02-29"`       |
//!
//! Arrow casts, with NULL for what it cannot; only where that made a NULL is a value looked at again.

use std::sync::{Arc, LazyLock};

use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
            StringViewArray,
        },
        compute::{CastOptions, cast, cast_with_options, nullif},
        datatypes::{
            DataType, Date32Type, Field, FieldRef, Float32Type, Float64Type, TimeUnit,
            TimestampMicrosecondType,
        },
    },
    common::{ScalarValue, plan_err},
    error::Result,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::{
    client_error::SqlState,
    copy::{read_moment, read_time},
    functions::{
        arithmetic::{out_of_range, overflow},
        definition::{client_error, error},
    },
    sql::SqlError,
    types::{Digits, printed},
};

static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::any(2, Volatility::Immutable);
    Arc::new(ScalarUDF::from(CheckedCast { signature }))
});

/// Returns `checked_cast(value, NULL of the type)`. The type travels as a literal, so that a plan
/// that is sent to a compute node needs no more than the function's name.
pub(crate) fn udf() -> Arc<ScalarUDF> {
    Arc::clone(&FUNCTION)
}

/// Returns whether a cast is not Arrow's.
pub(crate) fn is_ours(from: &DataType, to: &DataType) -> bool {
    can_fail(from, to) || (to.is_string() && is_printed(from))
}

/// Returns whether [`printed`] knows the text of a type better than Arrow.
fn is_printed(from: &DataType) -> bool {
    from.is_floating()
        || matches!(
            from,
            DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Timestamp(..)
                | DataType::Interval(_)
                | DataType::Duration(_)
                | DataType::List(_)
        )
}

/// Returns whether some value of one type has none of the other.
fn can_fail(from: &DataType, to: &DataType) -> bool {
    if from.is_string() {
        return to.is_numeric() || to.is_temporal() || *to == DataType::Boolean;
    }
    if !from.is_numeric() {
        return false;
    }
    if to.is_floating() {
        // The largest DECIMAL is smaller than the largest REAL: 10^38.
        return *from == DataType::Float64 && *to == DataType::Float32;
    }
    if to.is_integer() {
        let bytes = |t: &DataType| t.primitive_width().unwrap_or(16);
        return !from.is_integer() || bytes(from) > bytes(to);
    }
    match (Digits::of(from), to) {
        (Some(from), DataType::Decimal128(precision, scale)) => {
            let whole = i32::from(*precision) - i32::from(*scale);
            // Digits that are rounded away may carry one to the left.
            let carry = i32::from(from.scale > i32::from(*scale));
            from.precision - from.scale + carry > whole
        }
        (None, DataType::Decimal128(..)) => true,
        _ => false,
    }
}

/// Casts one value.
pub(crate) fn scalar(value: &ScalarValue, to: &DataType) -> Result<ScalarValue> {
    if value.is_null() {
        return ScalarValue::try_from(to);
    }
    ScalarValue::try_from_array(&array(&value.to_array()?, to)?, 0)
}

/// Casts an array.
fn array(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if to.is_string()
        && let Some(texts) = printed(values)?
    {
        return Ok(cast(&texts, to)?);
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let casted = cast_with_options(values, to, &options)?;
    if to.is_floating() {
        check_finite(values, &casted)?;
    }
    let casted = if values.data_type().is_string() { of_our_era(casted)? } else { casted };
    if casted.logical_null_count() == values.logical_null_count() {
        return Ok(casted);
    }
    if values.data_type().is_string() {
        return read_again(values, &casted, to);
    }
    Err(client_error(match to {
        DataType::Decimal128(..) => {
            error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "Numeric data overflow (result precision)")
        }
        _ => error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, out_of_range(to)),
    }))
}

/// Takes out what Arrow read as a moment before year 1: it knows a year 0 and no `BC`.
fn of_our_era(casted: ArrayRef) -> Result<ArrayRef> {
    const FIRST_DAY: i32 = -719_162;
    let before = match casted.data_type() {
        DataType::Date32 => {
            BooleanArray::from_unary(casted.as_primitive::<Date32Type>(), |day| day < FIRST_DAY)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let first = i64::from(FIRST_DAY) * 86_400_000_000;
            BooleanArray::from_unary(casted.as_primitive::<TimestampMicrosecondType>(), |moment| {
                moment < first
            })
        }
        _ => return Ok(casted),
    };
    if before.true_count() == 0 { Ok(casted) } else { Ok(nullif(&casted, &before)?) }
}

/// Fails for a number that became infinite: infinity itself is a value, from `'Infinity'`.
fn check_finite(values: &ArrayRef, casted: &ArrayRef) -> Result<()> {
    let infinite = infinite_rows(casted);
    if infinite.is_empty() {
        return Ok(());
    }
    let names_infinity =
        |text: &str| text.trim().trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    let was_infinite = match values.data_type() {
        text if text.is_string() => {
            let texts = cast(values, &DataType::Utf8View)?;
            let texts = texts.as_string_view().clone();
            infinite.iter().all(|row| names_infinity(texts.value(*row)))
        }
        _ => infinite_rows(values).len() == infinite.len(),
    };
    if was_infinite { Ok(()) } else { Err(client_error(overflow())) }
}

fn infinite_rows(values: &ArrayRef) -> Vec<usize> {
    fn rows<T: ArrowPrimitiveType>(
        values: &PrimitiveArray<T>,
        is: fn(T::Native) -> bool,
    ) -> Vec<usize> {
        let all = values.iter().enumerate();
        all.filter_map(|(row, value)| value.is_some_and(is).then_some(row)).collect()
    }
    match values.data_type() {
        DataType::Float64 => rows::<Float64Type>(values.as_primitive(), f64::is_infinite),
        DataType::Float32 => rows::<Float32Type>(values.as_primitive(), f32::is_infinite),
        _ => Vec::new(),
    }
}

/// Reads texts that Arrow could not: with blanks around them, dates in other orders.
fn read_again(values: &ArrayRef, casted: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let texts = cast(values, &DataType::Utf8View)?;
    let texts = texts.as_any().downcast_ref::<StringViewArray>();
    let texts = texts.into_iter().flatten();
    let nulls = casted.logical_nulls();
    let mut scalars = Vec::with_capacity(values.len());
    for (row, text) in texts.enumerate() {
        let was_read = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        scalars.push(match text {
            Some(text) if !was_read => {
                read(text, to)?.ok_or_else(|| client_error(unreadable(text, to)))?
            }
            _ => ScalarValue::try_from_array(casted, row)?,
        });
    }
    ScalarValue::iter_to_array(scalars)
}

fn read(text: &str, to: &DataType) -> Result<Option<ScalarValue>> {
    if to.is_temporal() {
        return Ok(moment(text, to));
    }
    let trimmed = text.trim();
    if trimmed.len() == text.len() {
        return Ok(None);
    }
    let casted = ScalarValue::Utf8View(Some(trimmed.to_owned())).to_array()?;
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let casted = ScalarValue::try_from_array(&cast_with_options(&casted, to, &options)?, 0)?;
    Ok((!casted.is_null()).then_some(casted))
}

fn moment(text: &str, to: &DataType) -> Option<ScalarValue> {
    if let DataType::Time64(TimeUnit::Microsecond) = to {
        return read_time(text.as_bytes())
            .map(|micros| ScalarValue::Time64Microsecond(Some(micros)));
    }
    let moment = read_moment(text.as_bytes())?;
    match to {
        DataType::Date32 => Some(ScalarValue::Date32(Some(moment.days()))),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Some(ScalarValue::TimestampMicrosecond(Some(moment.local_us()), None))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            Some(ScalarValue::TimestampMicrosecond(Some(moment.utc_us()), zone.clone()))
        }
        _ => None,
    }
}

/// Says what is wrong with a text.
fn unreadable(text: &str, to: &DataType) -> SqlError {
    let is_number = text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    if to.is_temporal() {
        // Digits in the places of a date: its fields could be read.
        let has_fields = text.split(['-', '/', '.', ':', ' ']).filter(|f| f.parse::<u32>().is_ok());
        if has_fields.count() >= 3 {
            let message = format!("date/time field value out of range: \"{text}\"");
            return error(SqlState::DATETIME_FIELD_OVERFLOW, message);
        }
        let message = format!("invalid input syntax for type {}: \"{text}\"", name(to));
        return error(SqlState::INVALID_DATETIME_FORMAT, message);
    }
    if to.is_integer() && is_number && !text.contains(['.', 'e', 'E']) {
        return error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, out_of_range(to));
    }
    if matches!(to, DataType::Decimal128(..)) && is_number {
        let message = "Numeric data overflow (result precision)";
        return error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message);
    }
    // PostgreSQL 8.0, which Redshift comes from, has no "type" before integer.
    let kind = if to.is_integer() { "" } else { "type " };
    let message = format!("invalid input syntax for {kind}{}: \"{text}\"", name(to));
    error(SqlState::INVALID_TEXT_REPRESENTATION, message)
}

fn name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Date32 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Boolean => "boolean",
        DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Decimal128(..) => "numeric",
        _ => "integer",
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedCast {
    signature: Signature,
}

impl ScalarUDFImpl for CheckedCast {
    fn name(&self) -> &str {
        "checked_cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [_, target] => Ok(target.clone()),
            _ => plan_err!("checked_cast takes a value and a type"),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [value, target] = arguments.arg_fields else {
            return plan_err!("checked_cast takes a value and a type");
        };
        Ok(Arc::new(Field::new(self.name(), target.data_type().clone(), value.is_nullable())))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = call.return_field.data_type();
        match call.args.first() {
            Some(ColumnarValue::Scalar(value)) => Ok(ColumnarValue::Scalar(scalar(value, to)?)),
            Some(ColumnarValue::Array(values)) => Ok(ColumnarValue::Array(array(values, to)?)),
            None => plan_err!("checked_cast takes a value and a type"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast_text(text: &str, to: &DataType) -> Result<ScalarValue, String> {
        let text = ScalarValue::Utf8View(Some(text.to_owned()));
        scalar(&text, to).map_err(|error| error.to_string())
    }

    #[test]
    fn only_narrowing_casts_can_fail() {
        let decimal = |precision, scale| DataType::Decimal128(precision, scale);
        assert!(!can_fail(&DataType::Int32, &DataType::Int64));
        assert!(can_fail(&DataType::Int64, &DataType::Int32));
        assert!(!can_fail(&DataType::Int32, &decimal(10, 0)));
        assert!(!can_fail(&decimal(8, 2), &decimal(38, 2)));
        assert!(can_fail(&decimal(8, 2), &decimal(7, 3)));
        // 9.99 as DECIMAL(2,1) is 10.0.
        assert!(can_fail(&decimal(3, 2), &decimal(2, 1)));
        assert!(!can_fail(&DataType::Date32, &DataType::Timestamp(TimeUnit::Microsecond, None)));
    }

    #[test]
    fn texts_are_read_with_blanks_and_dates_in_other_orders() {
        assert_eq!(cast_text(" 12 ", &DataType::Int32), Ok(ScalarValue::Int32(Some(12))));
        assert_eq!(cast_text("01/31/1970", &DataType::Date32), Ok(ScalarValue::Date32(Some(30))));
        assert!(cast_text("x12", &DataType::Int32).unwrap_err().contains("invalid input syntax"));
        assert!(cast_text("70000", &DataType::Int16).unwrap_err().contains("out of range"));
        let year_0 = cast_text("0000-01-01", &DataType::Date32).unwrap_err();
        assert!(year_0.contains("field value out of range"), "{year_0}");
        let no_day = cast_text("2023-02-29", &DataType::Date32).unwrap_err();
        assert!(no_day.contains("field value out of range"), "{no_day}");
    }
}
