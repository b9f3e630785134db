//! CONVERT_TIMEZONE and TIMEZONE: by name (summer time included), by abbreviation (a fixed offset), or
//! in POSIX style, where offsets count to the west.

use std::sync::Arc;

use chrono::{Duration, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::{
    arrow::{array::ArrayRef, datatypes::TimestampMicrosecondType},
    error::Result,
};

use crate::{
    client_error::SqlState,
    copy::zone,
    functions::definition::{client_error, error},
    types::SqlType,
};

use super::{
    arguments::Arguments,
    date::{calendar, micros_of},
    function::{
        Definition,
        Kind::{Text, Timestamp, TimestampTz},
        form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["convert_timezone"],
        forms: &[
            form(&[Text, Timestamp], SqlType::Timestamp, from_utc),
            form(&[Text, Text, Timestamp], SqlType::Timestamp, convert),
        ],
    },
    Definition {
        names: &["timezone"],
        forms: &[
            form(&[Text, TimestampTz], SqlType::Timestamp, from_utc),
            form(&[Text, Timestamp], SqlType::TimestampTz, to_utc),
        ],
    },
];

/// A time zone: a place's, or an offset east of Greenwich.
enum Zone {
    Place(Tz),
    Seconds(i64),
}

impl Zone {
    fn parse(name: &str) -> Result<Self> {
        let name = name.trim();
        if let Some(seconds) = zone::abbreviated(name) {
            return Ok(Self::Seconds(seconds.into()));
        }
        // PST8PDT is a place of the time zone database too, with summer time.
        if let Ok(place) = name.parse::<Tz>() {
            return Ok(Self::Place(place));
        }
        Self::posix(name).ok_or_else(|| {
            let message = format!("time zone \"{name}\" not recognized");
            client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))
        })
    }

    /// Reads `[STD]offset`: `GMT+2`, `+02:30` and `EST5` lie to the west.
    fn posix(name: &str) -> Option<Self> {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ':');
        let digits = &name[name.rfind(|c| !is_number(c)).map_or(0, |last| last + 1)..];
        let (sign, digits) = match digits.as_bytes().first()? {
            b'-' => (1, &digits[1..]),
            b'+' => (-1, &digits[1..]),
            _ => (-1, digits),
        };
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
        (hours <= 15 && minutes < 60)
            .then(|| Self::Seconds(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60)))
    }

    fn local(&self, utc: NaiveDateTime) -> NaiveDateTime {
        match self {
            Self::Place(place) => place.from_utc_datetime(&utc).naive_local(),
            Self::Seconds(seconds) => utc + Duration::seconds(*seconds),
        }
    }

    /// A time that the clocks skip is read with the offset of before.
    fn utc(&self, local: NaiveDateTime) -> NaiveDateTime {
        match self {
            Self::Place(place) => match place.from_local_datetime(&local).earliest() {
                Some(moment) => moment.naive_utc(),
                None => {
                    let before = place.offset_from_utc_datetime(&(local - Duration::days(1)));
                    local - Duration::seconds(before.fix().local_minus_utc().into())
                }
            },
            Self::Seconds(seconds) => local - Duration::seconds(*seconds),
        }
    }
}

fn from_utc(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        let (zone, micros) = (a.text(0, row)?, a.micros(1, row)?);
        Some(Zone::parse(zone).and_then(|zone| Ok(micros_of(zone.local(calendar(micros)?)))))
    })?;
    Ok(Arc::new(moments))
}

fn to_utc(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        let (zone, micros) = (a.text(0, row)?, a.micros(1, row)?);
        Some(Zone::parse(zone).and_then(|zone| Ok(micros_of(zone.utc(calendar(micros)?)))))
    })?;
    Ok(Arc::new(moments.with_timezone("UTC")))
}

fn convert(a: &Arguments) -> Result<ArrayRef> {
    let moments = a.primitives::<TimestampMicrosecondType>(|row| {
        let (from, to, micros) = (a.text(0, row)?, a.text(1, row)?, a.micros(2, row)?);
        let converted = Zone::parse(from).and_then(|from| {
            let utc = from.utc(calendar(micros)?);
            Ok(micros_of(Zone::parse(to)?.local(utc)))
        });
        Some(converted)
    })?;
    Ok(Arc::new(moments))
}
