//! From the bytes of a field to a value of its column, with the data conversion parameters.

use super::{
    CopyOptions,
    column::{ColumnBuilder, Values},
    field::FieldError,
    moment::{self, Moment},
    number::{self, NumberError},
    options::{DateFormat, TimeFormat},
};
use crate::types::SqlType;

/// A column as the conversion sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnType {
    pub(super) sql_type: SqlType,
    pub(super) nullable: bool,
}

/// Appends a field to its column.
///
/// `utf8` says that the whole chunk is known to be UTF-8.
pub(super) fn append(
    options: &CopyOptions,
    column: ColumnType,
    builder: &mut ColumnBuilder,
    value: &[u8],
    utf8: bool,
) -> Result<(), FieldError> {
    if value == options.null.as_bytes() {
        return append_null(column, builder);
    }
    if column.sql_type.is_text() {
        return append_text(options, column, builder, value, utf8);
    }
    let value = value.trim_ascii();
    if value.is_empty() {
        return append_null(column, builder);
    }
    match &mut builder.values {
        Values::Boolean(values) => values.push(boolean(value)?),
        Values::Int16(values) => values.push(integer(value, "Short")?),
        Values::Int32(values) => values.push(integer(value, "Integer")?),
        Values::Int64(values) => values.push(integer(value, "Long")?),
        Values::Decimal(values) => {
            let SqlType::Decimal { precision, scale } = column.sql_type else {
                return Err(FieldError::new(1200, "Unknown parse error"));
            };
            let read = number::decimal(value, precision, scale, options.round_decimals);
            values.push(read.map_err(|error| number_error(error, value, "Decimal"))?);
        }
        Values::Float32(values) => values.push(float(value)?),
        Values::Float64(values) => values.push(float(value)?),
        Values::Date(_) | Values::Time(_) | Values::Timestamp(_) | Values::TimestampTz(_) => {
            return append_moment(options, column, builder, value);
        }
        Values::Text(_) => return Err(FieldError::new(1200, "Unknown parse error")),
    }
    builder.pushed();
    Ok(())
}

/// Appends NULL, if the column takes it.
pub(super) fn append_null(
    column: ColumnType,
    builder: &mut ColumnBuilder,
) -> Result<(), FieldError> {
    if !column.nullable {
        return Err(FieldError::new(1213, "Missing data for not-null field"));
    }
    builder.push_null();
    Ok(())
}

/// Appends what FILLRECORD puts in place of a missing field.
pub(super) fn append_missing(
    options: &CopyOptions,
    column: ColumnType,
    builder: &mut ColumnBuilder,
) -> Result<(), FieldError> {
    if let (SqlType::Varchar { .. }, Values::Text(values)) = (column.sql_type, &mut builder.values)
        && !options.empty_as_null
    {
        values.push(b"");
        builder.pushed();
        return Ok(());
    }
    append_null(column, builder)
}

fn append_text(
    options: &CopyOptions,
    column: ColumnType,
    builder: &mut ColumnBuilder,
    value: &[u8],
    utf8: bool,
) -> Result<(), FieldError> {
    let is_null = match value.is_empty() {
        true => options.empty_as_null,
        false => options.blanks_as_null && value.trim_ascii().is_empty(),
    };
    if is_null {
        return append_null(column, builder);
    }
    let replaced;
    let mut value = value;
    if !utf8 && let Err(error) = std::str::from_utf8(value) {
        match (options.accept_invalid_chars, column.sql_type) {
            (Some(replacement), SqlType::Varchar { .. }) => {
                replaced = replace_invalid(value, replacement);
                value = &replaced;
            }
            _ => return Err(invalid_utf8(value, error)),
        }
    }
    let (what, length) = match column.sql_type {
        SqlType::Char { length } => {
            value = trim_end(value, |byte| byte == b' ');
            if let Some(at) = value.iter().position(|byte| !byte.is_ascii()) {
                return Err(multibyte_char(&value[at..]));
            }
            ("Char", length as usize)
        }
        SqlType::Varchar { length } => {
            if options.trim_blanks {
                value = trim_end(value, |byte| byte.is_ascii_whitespace());
            }
            ("String", length as usize)
        }
        _ => ("String", 127),
    };
    if value.len() > length {
        if !options.truncate_columns {
            return Err(FieldError::new(1204, format!("{what} length exceeds DDL length")));
        }
        value = cut(value, length);
    }
    if let Values::Text(values) = &mut builder.values {
        values.push(value);
        builder.pushed();
    }
    Ok(())
}

fn trim_end(value: &[u8], blank: impl Fn(u8) -> bool) -> &[u8] {
    let kept = value.iter().rposition(|byte| !blank(*byte)).map_or(0, |last| last + 1);
    &value[..kept]
}

/// Cuts UTF-8 at a character's boundary.
fn cut(value: &[u8], length: usize) -> &[u8] {
    let mut end = length;
    while end > 0 && value[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    &value[..end]
}

fn replace_invalid(value: &[u8], replacement: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        out.resize(out.len() + chunk.invalid().len(), replacement);
    }
    out
}

fn invalid_utf8(value: &[u8], error: std::str::Utf8Error) -> FieldError {
    let bad = &value[error.valid_up_to()..];
    let bad = &bad[..error.error_len().unwrap_or(bad.len()).min(bad.len())];
    let hex: Vec<String> = bad.iter().map(|byte| format!("{byte:x}")).collect();
    let hex = hex.join(" ");
    let reason = format!(
        "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {hex}"
    );
    FieldError::new(1220, reason)
}

fn multibyte_char(value: &[u8]) -> FieldError {
    let length = value.iter().skip(1).take_while(|byte| **byte & 0xC0 == 0x80).count() + 1;
    let hex: Vec<String> = value[..length].iter().map(|byte| format!("{byte:x}")).collect();
    let reason = format!(
        "Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: {}",
        hex.join(" ")
    );
    FieldError::new(1220, reason)
}

fn boolean(value: &[u8]) -> Result<bool, FieldError> {
    let is = |words: &[&str]| words.iter().any(|w| value.eq_ignore_ascii_case(w.as_bytes()));
    match value {
        b"t" | b"1" => Ok(true),
        b"f" | b"0" => Ok(false),
        _ if is(&["t", "true", "y", "yes", "on"]) => Ok(true),
        _ if is(&["f", "false", "n", "no", "off"]) => Ok(false),
        _ => Err(FieldError::new(1210, "Unknown boolean format")),
    }
}

fn integer<T: TryFrom<i64>>(value: &[u8], type_name: &str) -> Result<T, FieldError> {
    let wide = number::integer(value).map_err(|error| number_error(error, value, type_name))?;
    T::try_from(wide).map_err(|_| number_error(NumberError::Overflow, value, type_name))
}

fn float<T: std::str::FromStr + Into<f64> + Copy>(value: &[u8]) -> Result<T, FieldError> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let read: T = text.parse().map_err(|_| {
        let shown = String::from_utf8_lossy(value);
        FieldError::new(1208, format!("Invalid digit, Value '{shown}', Type: Float"))
    })?;
    // Digits that make infinity are too large; the word is not.
    if read.into().is_infinite() && value.iter().any(u8::is_ascii_digit) {
        return Err(number_error(NumberError::Overflow, value, "Float"));
    }
    Ok(read)
}

fn number_error(error: NumberError, value: &[u8], type_name: &str) -> FieldError {
    match error {
        NumberError::InvalidDigit { byte, position } => {
            let digit = char::from(byte);
            let reason =
                format!("Invalid digit, Value '{digit}', Pos {position}, Type: {type_name}");
            FieldError::new(1207, reason)
        }
        NumberError::Overflow => {
            let shown = String::from_utf8_lossy(value);
            FieldError::new(1204, format!("Overflow, Value '{shown}', Type: {type_name}"))
        }
    }
}

fn append_moment(
    options: &CopyOptions,
    column: ColumnType,
    builder: &mut ColumnBuilder,
    value: &[u8],
) -> Result<(), FieldError> {
    let accept_any = options.accept_any_date;
    let appended = match &mut builder.values {
        Values::Date(values) => date(options, value).map(|day| values.push(day)),
        Values::Time(values) => time(options, value).map(|time_us| values.push(time_us)),
        Values::Timestamp(values) => timestamp(options, value, false).map(|us| values.push(us)),
        Values::TimestampTz(values) => timestamp(options, value, true).map(|us| values.push(us)),
        _ => return Err(FieldError::new(1200, "Unknown parse error")),
    };
    match appended {
        Ok(()) => {
            builder.pushed();
            Ok(())
        }
        Err(_) if accept_any && column.sql_type != SqlType::Time => append_null(column, builder),
        Err(error) => Err(error),
    }
}

fn date(options: &CopyOptions, value: &[u8]) -> Result<i32, FieldError> {
    let read = match &options.date_format {
        DateFormat::Default => match value.len() {
            10 => moment::iso_date(value),
            // The time, if there is one, is ignored.
            _ => moment::iso(value),
        },
        DateFormat::Auto => moment::auto(value),
        DateFormat::Pattern(pattern) => pattern.read(value),
    };
    read.map(|moment| moment.days()).ok_or_else(|| match &options.date_format {
        DateFormat::Default if value.len() < 10 => {
            FieldError::new(1205, "Invalid Date Format - length must be 10 or more")
        }
        DateFormat::Pattern(pattern) => {
            FieldError::new(1205, format!("Invalid date format or value [{}]", pattern.text()))
        }
        _ => FieldError::new(1205, "Invalid date format or value [YYYY-MM-DD]"),
    })
}

fn timestamp(options: &CopyOptions, value: &[u8], zoned: bool) -> Result<i64, FieldError> {
    let read = match &options.time_format {
        // A zone does not belong into a TIMESTAMP; 'auto' is more forgiving.
        TimeFormat::Default => {
            moment::iso(value).filter(|moment| zoned || moment.offset_seconds.is_none())
        }
        TimeFormat::Auto => moment::auto(value),
        TimeFormat::Pattern(pattern) => pattern.read(value),
        TimeFormat::EpochSecs => return epoch(value, 6),
        TimeFormat::EpochMilliSecs => return epoch(value, 3),
    };
    let us = |moment: Moment| if zoned { moment.utc_us() } else { moment.local_us() };
    read.map(us).ok_or_else(|| {
        let format = match &options.time_format {
            TimeFormat::Pattern(pattern) => pattern.text(),
            _ if zoned => "YYYY-MM-DD HH:MI:SSOF",
            _ => "YYYY-MM-DD HH:MI:SS",
        };
        FieldError::new(1206, format!("Invalid timestamp format or value [{format}]"))
    })
}

/// Reads a number of seconds or milliseconds, with a fraction.
fn epoch(value: &[u8], scale: i8) -> Result<i64, FieldError> {
    number::decimal(value, 19, scale, false)
        .ok()
        .and_then(|us| i64::try_from(us).ok())
        .ok_or_else(|| FieldError::new(1206, "Invalid timestamp format or value [epoch]"))
}

fn time(options: &CopyOptions, value: &[u8]) -> Result<i64, FieldError> {
    let read = match &options.time_format {
        TimeFormat::Pattern(pattern) => pattern.read(value),
        _ => None,
    };
    let plain = || moment::time_of_day(value).filter(|(_, rest)| rest.is_empty());
    read.or_else(|| plain().map(|(moment, _)| moment))
        .map(|moment| moment.time_us())
        .ok_or_else(|| FieldError::new(1206, "Invalid time format or value [HH:MI:SS]"))
}
