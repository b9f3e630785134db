//! The names of date parts: "Date parts for date or timestamp functions" of Redshift's documentation.

use datafusion::error::Result;

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
};

/// A part of a date or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatePart {
    Millennium,
    Century,
    Decade,
    Epoch,
    Year,
    Quarter,
    Month,
    Week,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Timezone,
}

impl DatePart {
    /// Reads a name or an abbreviation; `m` is a minute.
    pub(super) fn parse(name: &str) -> Result<Self> {
        let lower = name.trim().to_ascii_lowercase();
        Ok(match lower.as_str() {
            "millennium" | "millennia" | "mil" | "mils" => Self::Millennium,
            "century" | "centuries" | "c" | "cent" | "cents" => Self::Century,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "epoch" => Self::Epoch,
            "year" | "years" | "y" | "yr" | "yrs" | "yyyy" => Self::Year,
            "quarter" | "quarters" | "qtr" | "qtrs" | "q" => Self::Quarter,
            "month" | "months" | "mon" | "mons" | "mm" => Self::Month,
            "week" | "weeks" | "w" | "wk" => Self::Week,
            "dayofweek" | "dow" | "dw" | "weekday" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "dayofyear" | "doy" | "dy" | "yearday" => Self::DayOfYear,
            "day" | "days" | "d" | "dd" => Self::Day,
            "hour" | "hours" | "h" | "hr" | "hrs" | "hh" => Self::Hour,
            "minute" | "minutes" | "m" | "min" | "mins" | "mi" => Self::Minute,
            "second" | "seconds" | "s" | "sec" | "secs" | "ss" => Self::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "msecond" | "mseconds"
            | "millisec" | "millisecs" | "millisecon" => Self::Millisecond,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "usecond" | "useconds"
            | "microsec" | "microsecs" => Self::Microsecond,
            "timezone" | "timezone_hour" | "timezone_minute" => Self::Timezone,
            _ => {
                let message = format!("timestamp units \"{name}\" not recognized");
                return Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message)));
            }
        })
    }

    /// Returns the length in microseconds of a part that always has the same.
    pub(super) fn micros(self) -> Option<i64> {
        const SECOND: i64 = 1_000_000;
        Some(match self {
            Self::Week => 7 * 86_400 * SECOND,
            Self::Day | Self::DayOfWeek | Self::IsoDayOfWeek | Self::DayOfYear => 86_400 * SECOND,
            Self::Hour => 3_600 * SECOND,
            Self::Minute => 60 * SECOND,
            Self::Second | Self::Epoch => SECOND,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1,
            _ => return None,
        })
    }

    /// Returns the length in months of a part that is made of months.
    pub(super) fn months(self) -> Option<i64> {
        Some(match self {
            Self::Millennium => 12_000,
            Self::Century => 1_200,
            Self::Decade => 120,
            Self::Year => 12,
            Self::Quarter => 3,
            Self::Month => 1,
            _ => return None,
        })
    }
}
