//! Rows of literals: INSERT … VALUES as programs send it, to a batch without a plan.
//!
//! Only literals whose value in their column is beyond doubt are taken; one other, and all rows go through
//! a plan, which knows every cast and every error.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::{
    arrow::{
        array::{
            ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int16Builder, Int32Builder,
            Int64Builder, RecordBatch, StringViewBuilder, TimestampMicrosecondBuilder,
        },
        datatypes::{Field, Schema},
    },
    common::ScalarValue,
};
use engine::{catalog::Table, types::SqlType};
use sqlparser::ast;

/// A literal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Literal<'a> {
    Null,
    Boolean(bool),
    /// Digits, perhaps with a point; whether they are below zero.
    Number(&'a str, bool),
    Text(&'a str),
}

/// Returns whether every value is a literal, a parameter or DEFAULT: then the statement reads no table.
pub(super) fn are_literals(rows: &[Vec<Option<ast::Expr>>]) -> bool {
    let is_literal = |value: &ast::Expr| match value {
        ast::Expr::Value(_) => true,
        ast::Expr::UnaryOp { expr, .. } => matches!(expr.as_ref(), ast::Expr::Value(_)),
        _ => false,
    };
    rows.iter().flatten().all(|value| value.as_ref().is_none_or(is_literal))
}

/// Returns the rows as a batch with the types of the columns they are given to; `None` if that takes a plan.
pub(super) fn batch(
    table: &Table,
    given: &[usize],
    rows: &[Vec<Option<ast::Expr>>],
    parameters: &[ScalarValue],
) -> Option<RecordBatch> {
    let width = rows.first()?.len();
    if width == 0 || width > given.len() || rows.iter().any(|row| row.len() != width) {
        return None;
    }
    let mut fields = Vec::with_capacity(width);
    let mut columns = Vec::with_capacity(width);
    for (at, position) in given[..width].iter().enumerate() {
        let column = table.columns.get(*position)?;
        let mut literals = Vec::with_capacity(rows.len());
        for row in rows {
            literals.push(literal(row.get(at)?.as_ref()?, parameters)?);
        }
        columns.push(array(column.sql_type, &literals)?);
        fields.push(Field::new(column.name.as_str(), column.sql_type.arrow(), true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).ok()
}

fn literal<'a>(value: &'a ast::Expr, parameters: &'a [ScalarValue]) -> Option<Literal<'a>> {
    match value {
        ast::Expr::Value(value) => literal_value(&value.value, parameters),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(value) => match &value.value {
                ast::Value::Number(digits, _) => Some(Literal::Number(digits, true)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn literal_value<'a>(value: &'a ast::Value, parameters: &'a [ScalarValue]) -> Option<Literal<'a>> {
    Some(match value {
        ast::Value::Null => Literal::Null,
        ast::Value::Boolean(value) => Literal::Boolean(*value),
        ast::Value::Number(digits, _) => Literal::Number(digits, false),
        ast::Value::SingleQuotedString(text) => Literal::Text(text),
        ast::Value::Placeholder(name) => {
            let number: usize = name.strip_prefix('$')?.parse().ok()?;
            match parameters.get(number.checked_sub(1)?)? {
                parameter if parameter.is_null() => Literal::Null,
                ScalarValue::Boolean(Some(value)) => Literal::Boolean(*value),
                ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
                    Literal::Text(text)
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// Builds a column; `None` as soon as a literal's value is not beyond doubt.
macro_rules! build {
    ($builder:expr, $literals:expr, $value:expr) => {{
        let mut builder = $builder;
        for literal in $literals {
            match literal {
                Literal::Null => builder.append_null(),
                literal => builder.append_value($value(*literal)?),
            }
        }
        Some(Arc::new(builder.finish()) as ArrayRef)
    }};
}

fn array(sql_type: SqlType, literals: &[Literal<'_>]) -> Option<ArrayRef> {
    match sql_type {
        SqlType::Boolean => build!(BooleanBuilder::new(), literals, |literal| match literal {
            Literal::Boolean(value) => Some(value),
            _ => None,
        }),
        SqlType::SmallInt => {
            build!(Int16Builder::new(), literals, |literal| i16::try_from(integer(literal)?).ok())
        }
        SqlType::Integer => {
            build!(Int32Builder::new(), literals, |literal| i32::try_from(integer(literal)?).ok())
        }
        SqlType::BigInt => build!(Int64Builder::new(), literals, integer),
        SqlType::Decimal { precision, scale } => {
            let builder =
                Decimal128Builder::new().with_precision_and_scale(precision, scale).ok()?;
            build!(builder, literals, |literal| unscaled(literal, precision, scale))
        }
        SqlType::Char { .. } | SqlType::Varchar { .. } => {
            build!(StringViewBuilder::new(), literals, |literal| match literal {
                // Blanks at the end may be padding.
                Literal::Text(text) if !text.ends_with(' ') => Some(text),
                _ => None,
            })
        }
        SqlType::Date => build!(Date32Builder::new(), literals, |literal| match literal {
            Literal::Text(text) => days(date(text)?),
            _ => None,
        }),
        SqlType::Timestamp => {
            build!(TimestampMicrosecondBuilder::new(), literals, |literal| match literal {
                Literal::Text(text) => Some(timestamp(text)?.and_utc().timestamp_micros()),
                _ => None,
            })
        }
        _ => None,
    }
}

fn integer(literal: Literal<'_>) -> Option<i64> {
    let Literal::Number(digits, is_negative) = literal else { return None };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    Some(if is_negative { -value } else { value })
}

/// Returns a decimal's digits as an integer, where no digit is lost.
fn unscaled(literal: Literal<'_>, precision: u8, scale: i8) -> Option<i128> {
    let Literal::Number(digits, is_negative) = literal else { return None };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let missing = u32::try_from(scale).ok()?.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    if !plain(whole) || !plain(fraction) || whole.is_empty() {
        return None;
    }
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let value = value.checked_mul(10_i128.checked_pow(missing)?)?;
    let fits = value < 10_i128.checked_pow(precision.into())?;
    fits.then_some(if is_negative { -value } else { value })
}

/// `2024-02-29`, exactly.
fn date(text: &str) -> Option<NaiveDate> {
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if text.len() != 10 || !shape {
        return None;
    }
    NaiveDate::from_ymd_opt(
        text[..4].parse().ok()?,
        text[5..7].parse().ok()?,
        text[8..].parse().ok()?,
    )
}

fn days(date: NaiveDate) -> Option<i32> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    i32::try_from(date.signed_duration_since(epoch).num_days()).ok()
}

/// `2024-02-29 12:34:56`, exactly.
fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let (day, time) = text.split_once(' ')?;
    let shape = time.bytes().enumerate().all(|(at, byte)| match at {
        2 | 5 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if time.len() != 8 || !shape {
        return None;
    }
    let part = |range: std::ops::Range<usize>| time[range].parse::<u32>().ok();
    date(day)?.and_hms_opt(part(0..2)?, part(3..5)?, part(6..8)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_every_digit_or_takes_a_plan() {
        let number = |digits| unscaled(Literal::Number(digits, false), 5, 2);
        assert_eq!(number("12.3"), Some(1230));
        assert_eq!(number("999.99"), Some(99_999));
        assert_eq!(
            (number("1000"), number("1.234"), number(".5"), number("1e2")),
            (None, None, None, None)
        );
        assert_eq!(unscaled(Literal::Number("0.05", true), 5, 2), Some(-5));
    }

    #[test]
    fn dates_and_times_are_taken_in_one_form_only() {
        assert_eq!(date("2024-02-29").and_then(days), Some(19_782));
        assert_eq!(date("1900-01-01").and_then(days), Some(-25_567));
        for other in
            ["2023-02-29", "2024-2-9", "20240229", "2024-02-29 ", "+024-02-29", "ä024-02-2"]
        {
            assert_eq!(date(other), None, "{other}");
        }
        assert!(timestamp("2024-02-29 23:59:59").is_some());
        for other in
            ["2024-02-29", "2024-02-29T23:59:59", "2024-02-29 24:00:00", "2024-02-29 1:00:00"]
        {
            assert_eq!(timestamp(other), None, "{other}");
        }
    }

    #[test]
    fn integers_are_digits_alone() {
        assert_eq!(integer(Literal::Number("42", true)), Some(-42));
        for other in ["4.2", "9223372036854775808", "1e3", ""] {
            assert_eq!(integer(Literal::Number(other, false)), None, "{other}");
        }
    }
}
