//! Arrays of values whose text PostgreSQL writes otherwise than Arrow: floats, times, moments, intervals
//! and arrays.

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, GenericListArray, OffsetSizeTrait,
        StringViewArray, StringViewBuilder,
    },
    compute::cast,
    datatypes::{
        DataType, DurationMicrosecondType, Float32Type, Float64Type, IntervalDayTimeType,
        IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time64MicrosecondType,
        TimeUnit, TimestampMicrosecondType,
    },
    error::ArrowError,
};

use super::text_format::{self, TextBuffer};

/// Returns the texts of values, as a cast to VARCHAR gives them; `None` where Arrow's are the same.
pub fn printed(values: &ArrayRef) -> Result<Option<StringViewArray>, ArrowError> {
    Ok(Some(match values.data_type() {
        DataType::Float32 => each::<Float32Type>(values, text_format::float4),
        DataType::Float64 => each::<Float64Type>(values, text_format::float8),
        DataType::Time32(_) | DataType::Time64(_) => {
            let micros = cast(values, &DataType::Time64(TimeUnit::Microsecond))?;
            each::<Time64MicrosecondType>(&micros, text_format::time)
        }
        DataType::Timestamp(_, zone) => {
            let is_zoned = zone.is_some();
            let micros = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            each::<TimestampMicrosecondType>(&micros, |moment, out| {
                text_format::timestamp(moment, is_zoned, out);
            })
        }
        DataType::Duration(_) => {
            let micros = cast(values, &DataType::Duration(TimeUnit::Microsecond))?;
            each::<DurationMicrosecondType>(&micros, text_format::duration)
        }
        DataType::Interval(unit) => intervals(values, *unit),
        DataType::List(_) => lists(values.as_list::<i32>())?,
        DataType::LargeList(_) => lists(values.as_list::<i64>())?,
        _ => return Ok(None),
    }))
}

fn each<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    write: impl Fn(T::Native, &mut TextBuffer),
) -> StringViewArray {
    let mut texts = StringViewBuilder::with_capacity(values.len());
    for value in values.as_primitive::<T>() {
        texts.append_option(value.map(|value| {
            let mut text = TextBuffer::new();
            write(value, &mut text);
            String::from_utf8_lossy(text.as_bytes()).into_owned()
        }));
    }
    texts.finish()
}

fn intervals(values: &ArrayRef, unit: IntervalUnit) -> StringViewArray {
    match unit {
        IntervalUnit::YearMonth => each::<IntervalYearMonthType>(values, |months, out| {
            text_format::interval(months, 0, 0, out);
        }),
        IntervalUnit::DayTime => each::<IntervalDayTimeType>(values, |value, out| {
            let micros = i64::from(value.milliseconds) * 1_000;
            text_format::interval(0, value.days, micros, out);
        }),
        IntervalUnit::MonthDayNano => each::<IntervalMonthDayNanoType>(values, |value, out| {
            let micros = value.nanoseconds / 1_000;
            text_format::interval(value.months, value.days, micros, out);
        }),
    }
}

/// Writes `{a,"b c",NULL}`.
fn lists<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> Result<StringViewArray, ArrowError> {
    let mut texts = StringViewBuilder::with_capacity(lists.len());
    for list in lists.iter() {
        let Some(list) = list else {
            texts.append_null();
            continue;
        };
        let is_nested = matches!(list.data_type(), DataType::List(_) | DataType::LargeList(_));
        let elements = match printed(&list)? {
            Some(elements) => elements,
            None => cast(&list, &DataType::Utf8View)?.as_string_view().clone(),
        };
        let elements = elements.iter().map(|element| match element {
            Some(element) if is_nested => element.to_owned(),
            Some(element) => quoted(element),
            None => "NULL".to_owned(),
        });
        texts.append_value(format!("{{{}}}", elements.collect::<Vec<_>>().join(",")));
    }
    Ok(texts.finish())
}

/// Quotes an element that would be read as something else.
fn quoted(element: &str) -> String {
    let is_special = |c: char| matches!(c, ',' | '{' | '}' | '"' | '\\') || c.is_ascii_whitespace();
    if !element.is_empty() && !element.eq_ignore_ascii_case("null") && !element.contains(is_special)
    {
        return element.to_owned();
    }
    format!("\"{}\"", element.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{Int16Array, ListArray, TimestampMicrosecondArray},
        datatypes::Int16Type,
    };

    use super::*;

    fn first(values: ArrayRef) -> String {
        printed(&values).unwrap().unwrap().value(0).to_owned()
    }

    #[test]
    fn moments_have_a_blank_and_no_trailing_zeros() {
        let moments = TimestampMicrosecondArray::from(vec![1_577_934_245_100_000]);
        assert_eq!(first(Arc::new(moments.clone())), "2020-01-02 03:04:05.1");
        assert_eq!(first(Arc::new(moments.with_timezone("UTC"))), "2020-01-02 03:04:05.1+00");
        assert!(printed(&(Arc::new(Int16Array::from(vec![1])) as ArrayRef)).unwrap().is_none());
    }

    #[test]
    fn arrays_are_in_braces() {
        let numbers = ListArray::from_iter_primitive::<Int16Type, _, _>([Some([Some(1), None])]);
        assert_eq!(first(Arc::new(numbers)), "{1,NULL}");
        assert_eq!(quoted("pg_catalog"), "pg_catalog");
        assert_eq!(quoted(r#"a "b""#), r#""a \"b\"""#);
        assert_eq!(quoted("null"), r#""null""#);
    }
}
