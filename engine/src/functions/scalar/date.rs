//! Dates and moments computed with: DATEADD, DATEDIFF, ADD_MONTHS, MONTHS_BETWEEN, LAST_DAY, NEXT_DAY.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime};
use datafusion::{
    arrow::{
        array::ArrayRef,
        datatypes::{
            Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
        },
    },
    error::{DataFusionError, Result},
    logical_expr::ScalarUDF,
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::SqlType,
};

use super::{
    arguments::Arguments,
    date_parts::DatePart,
    function::{
        Definition,
        Kind::{Date, Integer, Text, Time, Timestamp, TimestampTz},
        ScalarFunction, form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["dateadd", "date_add"],
        forms: &[
            form(&[Text, Integer, Timestamp], SqlType::Timestamp, add_to_timestamp),
            form(&[Text, Integer, TimestampTz], SqlType::TimestampTz, add_to_timestamptz),
            form(&[Text, Integer, Time], SqlType::Time, add_to_time),
        ],
    },
    Definition {
        names: &["datediff", "date_diff"],
        forms: &[
            form(&[Text, Timestamp, Timestamp], SqlType::BigInt, difference),
            form(&[Text, Time, Time], SqlType::BigInt, difference),
        ],
    },
    Definition {
        names: &["add_months"],
        forms: &[form(&[Timestamp, Integer], SqlType::Timestamp, add_months)],
    },
    Definition {
        names: &["months_between"],
        forms: &[form(&[Timestamp, Timestamp], SqlType::DoublePrecision, months_between)],
    },
    Definition { names: &["last_day"], forms: &[form(&[Date], SqlType::Date, last_day)] },
    Definition { names: &["next_day"], forms: &[form(&[Date, Text], SqlType::Date, next_day)] },
    // DATE_TRUNC to parts that DataFusion does not know.
    DATE_TRUNC_YEARS,
];

const DATE_TRUNC_YEARS: Definition = Definition {
    names: &["date_trunc_years"],
    forms: &[form(&[Text, Timestamp], SqlType::Timestamp, date_trunc)],
};

/// Returns `date_trunc_years('decade' | 'century' | 'millennium', timestamp)`.
pub(crate) fn date_trunc_years() -> Arc<ScalarUDF> {
    ScalarFunction::udf(&DATE_TRUNC_YEARS)
}

/// Returns DataFusion's name of the part DATE_TRUNC is given, and whether it is [`date_trunc_years`]
/// that knows it.
pub(crate) fn date_trunc_part(name: &str) -> Result<(&'static str, bool)> {
    Ok(match DatePart::parse(name)? {
        DatePart::Millennium => ("millennium", true),
        DatePart::Century => ("century", true),
        DatePart::Decade => ("decade", true),
        DatePart::Year => ("year", false),
        DatePart::Quarter => ("quarter", false),
        DatePart::Month => ("month", false),
        DatePart::Week => ("week", false),
        DatePart::Day => ("day", false),
        DatePart::Hour => ("hour", false),
        DatePart::Minute => ("minute", false),
        DatePart::Second => ("second", false),
        DatePart::Millisecond => ("millisecond", false),
        DatePart::Microsecond => ("microsecond", false),
        _ => {
            let message = format!("timestamp units \"{name}\" not supported");
            return Err(client_error(error(SqlState::FEATURE_NOT_SUPPORTED, message)));
        }
    })
}

pub(super) const DAY_MICROS: i64 = 86_400_000_000;

/// Returns the calendar's view of a moment.
pub(super) fn calendar(micros: i64) -> Result<NaiveDateTime> {
    let moment = DateTime::from_timestamp_micros(micros).ok_or_else(out_of_range)?;
    Ok(moment.naive_utc())
}

/// Returns the moment of a date of the calendar.
pub(super) fn micros_of(moment: NaiveDateTime) -> i64 {
    moment.and_utc().timestamp_micros()
}

pub(super) fn out_of_range() -> DataFusionError {
    client_error(error(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range"))
}

fn day_of(days: i32) -> Result<NaiveDate> {
    NaiveDate::from_epoch_days(days).ok_or_else(out_of_range)
}

/// Moves a date by months; a day that the month does not have is its last.
fn shifted(date: NaiveDate, months: i64) -> Result<NaiveDate> {
    let count = u32::try_from(months.unsigned_abs()).map_err(|_| out_of_range())?;
    let count = Months::new(count);
    let moved = match months < 0 {
        true => date.checked_sub_months(count),
        false => date.checked_add_months(count),
    };
    moved.ok_or_else(out_of_range)
}

fn last_of_month(date: NaiveDate) -> NaiveDate {
    let days = u64::from(date.num_days_in_month()) - u64::from(date.day());
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}

fn added(part: &str, count: i64, micros: i64) -> Result<i64> {
    let part = DatePart::parse(part)?;
    if let Some(length) = part.micros() {
        let span = length.checked_mul(count).ok_or_else(out_of_range)?;
        return micros.checked_add(span).ok_or_else(out_of_range);
    }
    let Some(length) = part.months() else {
        let message = format!("DATEADD does not take the date part {part:?}").to_lowercase();
        return Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message)));
    };
    let months = length.checked_mul(count).ok_or_else(out_of_range)?;
    let moment = calendar(micros)?;
    let moved = shifted(moment.date(), months)?;
    // "dateadd(year, 1, '2016-02-29')" is March 1, "dateadd(month, 12, …)" February 28.
    let whole_years = length % 12 == 0;
    let moved = match whole_years && moved.day() != moment.day() {
        true => moved.succ_opt().ok_or_else(out_of_range)?,
        false => moved,
    };
    Ok(micros_of(moved.and_time(moment.time())))
}

fn add_to_timestamp(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        Some(added(a.text(0, row)?, a.integer(1, row)?, a.micros(2, row)?))
    })?;
    Ok(Arc::new(moments))
}

fn add_to_timestamptz(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        Some(added(a.text(0, row)?, a.integer(1, row)?, a.micros(2, row)?))
    })?;
    Ok(Arc::new(moments.with_timezone("UTC")))
}

/// A TIME goes round the clock.
fn add_to_time(a: &Arguments) -> Result<ArrayRef> {
    let times = a.primitives::<Time64MicrosecondType>(|row| {
        let moved = added(a.text(0, row)?, a.integer(1, row)?, a.micros(2, row)?);
        Some(moved.map(|micros| micros.rem_euclid(DAY_MICROS)))
    })?;
    Ok(Arc::new(times))
}

/// Counts a part's boundaries from year 0 to a moment.
fn boundaries(part: DatePart, micros: i64) -> Result<i64> {
    if part == DatePart::Week {
        // Weeks start on Sunday: 1970-01-04.
        return Ok((micros.div_euclid(DAY_MICROS) + 4).div_euclid(7));
    }
    if let Some(length) = part.micros() {
        return Ok(micros.div_euclid(length));
    }
    let date = calendar(micros)?;
    let year = i64::from(date.year());
    match part {
        // The first century began with year 1.
        DatePart::Millennium => Ok((year - 1).div_euclid(1000)),
        DatePart::Century => Ok((year - 1).div_euclid(100)),
        DatePart::Decade => Ok(year.div_euclid(10)),
        _ => match part.months() {
            Some(months) => Ok((year * 12 + i64::from(date.month0())).div_euclid(months)),
            None => {
                let message = format!("DATEDIFF does not take the date part {part:?}");
                Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message.to_lowercase())))
            }
        },
    }
}

fn difference(a: &Arguments) -> Result<ArrayRef> {
    let counts = a.primitives::<Int64Type>(|row| {
        let (part, from, to) = (a.text(0, row)?, a.micros(1, row)?, a.micros(2, row)?);
        let count = DatePart::parse(part)
            .and_then(|part| Ok(boundaries(part, to)? - boundaries(part, from)?));
        Some(count)
    })?;
    Ok(Arc::new(counts))
}

/// The last day of a month goes to the last day of a month.
fn add_months(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        let (micros, months) = (a.micros(0, row)?, a.integer(1, row)?);
        let moved = calendar(micros).and_then(|moment| {
            let moved = shifted(moment.date(), months)?;
            let was_last = moment.date() == last_of_month(moment.date());
            let moved = if was_last { last_of_month(moved) } else { moved };
            Ok(micros_of(moved.and_time(moment.time())))
        });
        Some(moved)
    })?;
    Ok(Arc::new(moments))
}

fn months_between(a: &Arguments) -> Result<ArrayRef> {
    let months = a.primitives::<Float64Type>(|row| {
        let (late, early) = (a.micros(0, row)?, a.micros(1, row)?);
        let months = calendar(late).and_then(|late| Ok(months_from(calendar(early)?, late)));
        Some(months)
    })?;
    Ok(Arc::new(months))
}

/// The fraction "assumes a 31-day month"; the same day, or the last of both months, has none.
fn months_from(early: NaiveDateTime, late: NaiveDateTime) -> f64 {
    let index = |moment: NaiveDateTime| moment.year() * 12 + moment.month0().cast_signed();
    let whole = f64::from(index(late) - index(early));
    let is_last = |moment: NaiveDateTime| moment.date() == last_of_month(moment.date());
    if late.day() == early.day() || (is_last(late) && is_last(early)) {
        return whole;
    }
    let day = |moment: NaiveDateTime| {
        let midnight = moment.date().and_time(chrono::NaiveTime::MIN);
        let seconds = (moment - midnight).as_seconds_f64();
        f64::from(moment.day()) + seconds / 86_400.0
    };
    whole + (day(late) - day(early)) / 31.0
}

fn last_day(a: &Arguments) -> Result<ArrayRef> {
    let days = a.primitives::<Date32Type>(|row| {
        Some(day_of(a.days(0, row)?).map(|date| last_of_month(date).to_epoch_days()))
    })?;
    Ok(Arc::new(days))
}

/// A century starts with the year 1 of it: 2001.
fn date_trunc(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        let (part, micros) = (a.text(0, row)?, a.micros(1, row)?);
        let start = DatePart::parse(part).and_then(|part| {
            let year = calendar(micros)?.year();
            let first = match part {
                DatePart::Millennium => (year - 1).div_euclid(1000) * 1000 + 1,
                DatePart::Century => (year - 1).div_euclid(100) * 100 + 1,
                _ => year.div_euclid(10) * 10,
            };
            let first = NaiveDate::from_ymd_opt(first, 1, 1).ok_or_else(out_of_range)?;
            Ok(micros_of(first.and_time(chrono::NaiveTime::MIN)))
        });
        Some(start)
    })?;
    Ok(Arc::new(moments))
}

/// Two letters tell the days of a week apart: `Tu`, `Tue`, `Tues` and `Tuesday` are one.
fn next_day(a: &Arguments) -> Result<ArrayRef> {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let days = a.primitives::<Date32Type>(|row| {
        let (days, name) = (a.days(0, row)?, a.text(1, row)?);
        let lower = name.trim().to_lowercase();
        // One letter is enough for M, W and F.
        let short = |day: &str| {
            (lower.len() >= 2 || matches!(lower.as_str(), "m" | "w" | "f"))
                && day.starts_with(&lower)
        };
        let Some(wanted) = (0_i32..).zip(DAYS).find(|(_, day)| short(day)).map(|(n, _)| n) else {
            let message = format!("day of the week \"{name}\" not recognized");
            return Some(Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))));
        };
        let next = day_of(days).map(|date| {
            let ahead =
                (wanted - date.weekday().num_days_from_monday().cast_signed()).rem_euclid(7);
            days + if ahead == 0 { 7 } else { ahead }
        });
        Some(next)
    })?;
    Ok(Arc::new(days))
}
