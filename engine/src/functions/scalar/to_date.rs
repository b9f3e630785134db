//! TO_DATE and TO_TIMESTAMP: a text read by a format string.
//!
//! Fields that are too large carry over (June 31 is July 1) unless the call is strict.

use std::sync::Arc;

use chrono::{Duration, NaiveDate, NaiveDateTime};
use datafusion::{
    arrow::{
        array::ArrayRef,
        datatypes::{Date32Type, TimestampMicrosecondType},
    },
    error::{DataFusionError, Result},
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::SqlType,
};

use super::{
    arguments::Arguments,
    date::{DAY_MICROS, micros_of, out_of_range},
    function::{
        Definition,
        Kind::{Boolean, Text},
        form,
    },
    template::{Field, Piece, Template},
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["to_date"],
        forms: &[
            form(&[Text, Text], SqlType::Date, to_date),
            form(&[Text, Text, Boolean], SqlType::Date, to_date),
        ],
    },
    Definition {
        names: &["to_timestamp"],
        forms: &[
            form(&[Text, Text], SqlType::TimestampTz, to_timestamp),
            form(&[Text, Text, Boolean], SqlType::TimestampTz, to_timestamp),
        ],
    },
];

fn to_date(a: &Arguments) -> Result<ArrayRef> {
    let constant = Template::constant(a, 1);
    let days = a.primitives::<Date32Type>(|row| {
        Some(read_row(a, constant.as_ref(), row)?.and_then(|micros| {
            i32::try_from(micros.div_euclid(DAY_MICROS)).map_err(|_| out_of_range())
        }))
    })?;
    Ok(Arc::new(days))
}

fn to_timestamp(a: &Arguments) -> Result<ArrayRef> {
    let constant = Template::constant(a, 1);
    let moments =
        a.primitives::<TimestampMicrosecondType>(|row| read_row(a, constant.as_ref(), row))?;
    Ok(Arc::new(moments.with_timezone("UTC")))
}

fn read_row(a: &Arguments, constant: Option<&Template>, row: usize) -> Option<Result<i64>> {
    let text = a.text(0, row)?;
    let template = Template::of_row(constant, a, 1, row)?;
    let strict = a.boolean(2, row).unwrap_or(false);
    Some(Fields::read(&template, text).and_then(|fields| Ok(micros_of(fields.moment(strict)?))))
}

/// What was read; a field that was not there has its first value.
struct Fields {
    year: i32,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
    afternoon: Option<bool>,
}

fn unreadable(text: &str) -> DataFusionError {
    let message = format!("invalid value for the format of a date or a time: \"{text}\"");
    client_error(error(SqlState::INVALID_DATETIME_FORMAT, message))
}

impl Fields {
    fn read(template: &Template, text: &str) -> Result<Self> {
        let mut fields = Self {
            year: 1,
            month: 1,
            day: 1,
            day_of_year: None,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            afternoon: None,
        };
        let mut rest = text.trim_start();
        for (at, piece) in template.pieces.iter().enumerate() {
            if rest.is_empty() {
                break;
            }
            let Piece::Field { field, .. } = piece else {
                // A separator stands for any one, as in PostgreSQL.
                let is_digit = rest.starts_with(|c: char| c.is_ascii_alphanumeric());
                rest = if is_digit {
                    rest
                } else {
                    &rest[rest.chars().next().map_or(0, char::len_utf8)..]
                };
                continue;
            };
            rest = rest.trim_start();
            // Before a field that follows at once, no more digits are taken than a field has.
            let bounded = matches!(template.pieces.get(at + 1), Some(Piece::Field { .. }));
            rest = fields.field(*field, rest, bounded).ok_or_else(|| unreadable(text))?;
        }
        Ok(fields)
    }

    /// Reads one field; returns what follows it.
    fn field<'t>(&mut self, field: Field, text: &'t str, bounded: bool) -> Option<&'t str> {
        let number = |width: usize| number(text, width);
        let rest = match field {
            Field::Year | Field::IsoYear => {
                let (year, rest) = if bounded { number(4)? } else { number(6)? };
                self.year = i32::try_from(year).ok()?;
                rest
            }
            Field::ShortYear(digits) => {
                let (year, rest) = number(digits.into())?;
                let year = i32::try_from(year).ok()?;
                self.year = if year < 70 { 2000 + year } else { 1900 + year };
                rest
            }
            Field::Month => take(number(2)?, &mut self.month),
            Field::Day => take(number(2)?, &mut self.day),
            Field::DayOfYear => {
                let (day, rest) = number(3)?;
                self.day_of_year = Some(day);
                rest
            }
            Field::Hour24 | Field::Hour12 => take(number(2)?, &mut self.hour),
            Field::Minute => take(number(2)?, &mut self.minute),
            Field::Second => take(number(2)?, &mut self.second),
            Field::Millisecond => {
                let (value, rest) = number(3)?;
                self.micros = fraction(value, text.len() - rest.len())?;
                rest
            }
            Field::Microsecond => {
                let (value, rest) = number(6)?;
                self.micros = fraction(value, text.len() - rest.len())?;
                rest
            }
            Field::MonthName | Field::MonthShort => {
                let (month, rest) = month(text)?;
                self.month = month;
                rest
            }
            Field::DayName | Field::DayShort => text.trim_start_matches(char::is_alphabetic),
            Field::Meridiem | Field::DottedMeridiem => {
                let first = text.chars().next()?;
                self.afternoon = Some(first.eq_ignore_ascii_case(&'p'));
                text.trim_start_matches(|c: char| c.is_alphabetic() || c == '.')
            }
            _ => return None,
        };
        Some(rest)
    }

    fn moment(&self, strict: bool) -> Result<NaiveDateTime> {
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let fits = hour < 24 && self.minute < 60 && self.second < 60;
        let time_is = || format!("{hour}:{}:{}.0", self.minute, self.second);
        if strict && !fits {
            return Err(too_large(&format!("time value out of range: {}", time_is())));
        }
        let date = self.date(strict)?;
        let seconds = i64::from(hour) * 3600 + i64::from(self.minute * 60 + self.second);
        let time = Duration::seconds(seconds) + Duration::microseconds(self.micros.into());
        date.and_time(chrono::NaiveTime::MIN).checked_add_signed(time).ok_or_else(out_of_range)
    }

    fn date(&self, strict: bool) -> Result<NaiveDate> {
        if let Some(date) = self.day_of_year.and_then(|day| NaiveDate::from_yo_opt(self.year, day))
        {
            return Ok(date);
        }
        if let Some(date) = NaiveDate::from_ymd_opt(self.year, self.month, self.day) {
            return Ok(date);
        }
        if strict || !(1..=12).contains(&self.month) {
            let date = format!("{}-{}-{}", self.year, self.month, self.day);
            return Err(too_large(&format!("date value out of range: {date}")));
        }
        let first = NaiveDate::from_ymd_opt(self.year, self.month, 1).ok_or_else(out_of_range)?;
        let days = Duration::days(i64::from(self.day) - 1);
        first.checked_add_signed(days).ok_or_else(out_of_range)
    }
}

fn too_large(what: &str) -> DataFusionError {
    let message = format!("date/time field {what}");
    client_error(error(SqlState::DATETIME_FIELD_OVERFLOW, message))
}

fn take<'t>((value, rest): (u32, &'t str), field: &mut u32) -> &'t str {
    *field = value;
    rest
}

/// Takes up to `width` digits.
fn number(text: &str, width: usize) -> Option<(u32, &str)> {
    let digits = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// Returns the microseconds of digits after a point.
fn fraction(value: u32, digits: usize) -> Option<u32> {
    Some(value * 10_u32.checked_pow(u32::try_from(6_usize.checked_sub(digits)?).ok()?)?)
}

fn month(text: &str) -> Option<(u32, &str)> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let name = text[..letters].to_ascii_lowercase();
    let found = MONTHS.iter().position(|month| name == *month || name == month[..3])?;
    Some((u32::try_from(found).ok()? + 1, &text[letters..]))
}
