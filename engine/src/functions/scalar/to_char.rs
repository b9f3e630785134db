//! TO_CHAR of moments and of numbers.

use chrono::{Datelike, NaiveDateTime, Timelike};
use datafusion::{
    arrow::array::ArrayRef,
    error::{DataFusionError, Result},
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
};

use super::{
    arguments::Arguments,
    date::calendar,
    function::{
        Definition,
        Kind::{Double, Integer, Numeric, Text, Timestamp, TimestampTz},
        NUMERIC_SCALE, TEXT, form,
    },
    number_template::NumberTemplate,
    template::{Case, Field, Piece, Template},
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[Definition {
    names: &["to_char"],
    forms: &[
        form(&[Timestamp, Text], TEXT, moment),
        form(&[TimestampTz, Text], TEXT, moment),
        form(&[Integer, Text], TEXT, integer),
        form(&[Numeric, Text], TEXT, numeric),
        form(&[Double, Text], TEXT, double),
    ],
}];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ROMAN_MONTHS: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// The longest name of a month or a day: names are padded to it.
const NAME_WIDTH: usize = 9;
/// From the start of the Julian days to 0001-01-01.
const JULIAN_OFFSET: i64 = 1_721_425;

fn moment(a: &Arguments) -> Result<ArrayRef> {
    let constant = Template::constant(a, 1);
    a.texts(|row| {
        let (micros, template) =
            (a.micros(0, row)?, Template::of_row(constant.as_ref(), a, 1, row)?);
        Some(calendar(micros).map(|moment| {
            let mut text = String::new();
            for piece in &template.pieces {
                match piece {
                    Piece::Literal(c) => text.push(*c),
                    Piece::Field { field, case, padded, ordinal } => {
                        let shown = shown(*field, *case, *padded, moment);
                        text.push_str(&shown);
                        if *ordinal {
                            text.push_str(suffix(&shown, *case));
                        }
                    }
                }
            }
            text
        }))
    })
}

fn shown(field: Field, case: Case, padded: bool, moment: NaiveDateTime) -> String {
    let name = |name: &str, width: usize| {
        let name = match case {
            Case::Upper => name.to_uppercase(),
            Case::Lower => name.to_lowercase(),
            Case::Capital => name.to_owned(),
        };
        if padded { format!("{name:width$}") } else { name }
    };
    let number = |number: i64, width: usize| {
        if padded { format!("{number:0width$}") } else { number.to_string() }
    };
    let month = MONTHS[moment.month0() as usize % 12];
    let day = DAYS[moment.weekday().num_days_from_sunday() as usize % 7];
    let year = i64::from(moment.year());
    let hour12 = |hour: u32| i64::from((hour + 11) % 12 + 1);
    match field {
        Field::Century => number((year - 1).div_euclid(100) + 1, 2),
        Field::Year => number(year, 4),
        Field::ShortYear(digits) => {
            number(year.rem_euclid(10_i64.pow(digits.into())), digits.into())
        }
        Field::IsoYear => number(moment.iso_week().year().into(), 4),
        Field::Quarter => number((moment.month0() / 3 + 1).into(), 1),
        Field::Month => number(moment.month().into(), 2),
        Field::MonthName => name(month, NAME_WIDTH),
        Field::MonthShort => name(&month[..3], 3),
        Field::MonthRoman => name(ROMAN_MONTHS[moment.month0() as usize % 12], 4),
        Field::WeekOfYear => number((moment.ordinal0() / 7 + 1).into(), 2),
        Field::IsoWeek => number(moment.iso_week().week().into(), 2),
        Field::WeekOfMonth => number((moment.day0() / 7 + 1).into(), 1),
        Field::DayName => name(day, NAME_WIDTH),
        Field::DayShort => name(&day[..3], 3),
        Field::DayOfYear => number(moment.ordinal().into(), 3),
        Field::Day => number(moment.day().into(), 2),
        Field::DayOfWeek => number(moment.weekday().number_from_sunday().into(), 1),
        Field::IsoDayOfWeek => number(moment.weekday().number_from_monday().into(), 1),
        Field::JulianDay => number(i64::from(moment.num_days_from_ce()) + JULIAN_OFFSET - 1, 7),
        Field::Hour24 => number(moment.hour().into(), 2),
        Field::Hour12 => number(hour12(moment.hour()), 2),
        Field::Minute => number(moment.minute().into(), 2),
        Field::Second => number(moment.second().into(), 2),
        Field::Millisecond => number((moment.nanosecond() / 1_000_000).into(), 3),
        Field::Microsecond => number((moment.nanosecond() / 1_000).into(), 6),
        Field::SecondOfDay => number(moment.num_seconds_from_midnight().into(), 1),
        Field::Meridiem => name(if moment.hour() < 12 { "am" } else { "pm" }, 2),
        Field::DottedMeridiem => name(if moment.hour() < 12 { "a.m." } else { "p.m." }, 4),
        // Moments are kept and shown in UTC.
        Field::Zone => name("UTC", 3),
        Field::Offset => "+00".to_owned(),
    }
}

/// 1st, 2nd, 3rd, 11th.
fn suffix(number: &str, case: Case) -> &'static str {
    let lower = match number.as_bytes() {
        [.., b'1', _] => "th",
        [.., b'1'] => "st",
        [.., b'2'] => "nd",
        [.., b'3'] => "rd",
        _ => "th",
    };
    match (case, lower) {
        (Case::Lower, lower) => lower,
        (_, "st") => "ST",
        (_, "nd") => "ND",
        (_, "rd") => "RD",
        _ => "TH",
    }
}

fn integer(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| Some(number(a.text(1, row)?, a.integer(0, row)?.into(), 0)))
}

fn numeric(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| Some(number(a.text(1, row)?, a.numeric(0, row)?, NUMERIC_SCALE.unsigned_abs())))
}

/// A float is shown with the digits that a NUMERIC has.
fn double(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| {
        let value = a.double(0, row)?;
        let scaled = (value * 10_f64.powi(NUMERIC_SCALE.into())).round();
        if !scaled.is_finite() || scaled.abs() > 1e37 {
            let failed = error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
            return Some(Err(client_error(failed)));
        }
        Some(number(a.text(1, row)?, scaled as i128, NUMERIC_SCALE.unsigned_abs()))
    })
}

fn number(format: &str, value: i128, scale: u8) -> Result<String> {
    let unknown = |c: char| -> DataFusionError {
        let message = format!("TO_CHAR does not support \"{c}\" in the format of a number");
        client_error(error(SqlState::FEATURE_NOT_SUPPORTED, message))
    };
    Ok(NumberTemplate::parse(format).map_err(unknown)?.show(value, scale))
}
