//! Dates and times as text: the ISO form quickly, the forms of `'auto'` one after the other.

use std::sync::LazyLock;

use chrono::{NaiveDate, TimeZone};

use super::{
    pattern::{Pattern, fraction},
    zone,
};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 4713 BC.
const YEAR_MIN: i32 = -4_712;
/// The last whole year that microseconds since 1970 can name in 64 bits.
const YEAR_MAX: i32 = 294_246;

/// A date and a time of day, with or without a zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(super) year: i32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
    /// East of Greenwich.
    pub(super) offset_seconds: Option<i32>,
}

impl Moment {
    pub(super) fn is_valid(&self) -> bool {
        (YEAR_MIN..=YEAR_MAX).contains(&self.year)
            && (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_of_month(self.year, self.month)
            && (self.hour < 24 || (self.hour == 24 && self.minute == 0 && self.second == 0))
            && self.minute < 60
            && self.second < 60
    }

    /// Returns the days since 1970.
    pub(crate) fn days(&self) -> i32 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// Returns the microseconds since midnight.
    pub(super) fn time_us(&self) -> i64 {
        let seconds = i64::from(self.hour * 3600 + self.minute * 60 + self.second);
        seconds * MICROS_PER_SECOND + i64::from(self.micros)
    }

    /// Returns the microseconds since 1970, the zone left aside.
    pub(crate) fn local_us(&self) -> i64 {
        i64::from(self.days()) * SECONDS_PER_DAY * MICROS_PER_SECOND + self.time_us()
    }

    /// Returns the microseconds since 1970, UTC.
    pub(crate) fn utc_us(&self) -> i64 {
        self.local_us() - i64::from(self.offset_seconds.unwrap_or(0)) * MICROS_PER_SECOND
    }
}

fn days_of_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970 in the proleptic Gregorian calendar; a year starts in March, so that the leap
/// day is its last.
fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = i32::try_from((153 * shifted + 2) / 5 + day - 1).unwrap_or(0);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn two(bytes: &[u8]) -> Option<u32> {
    let (a, b) = (bytes[0].wrapping_sub(b'0'), bytes[1].wrapping_sub(b'0'));
    (a < 10 && b < 10).then(|| u32::from(a) * 10 + u32::from(b))
}

/// Reads `YYYY-MM-DD` at the start of a value.
pub(super) fn iso_date(bytes: &[u8]) -> Option<Moment> {
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = two(&bytes[..2])? * 100 + two(&bytes[2..4])?;
    let month = two(&bytes[5..7])?;
    let day = two(&bytes[8..10])?;
    let moment = Moment { year: i32::try_from(year).ok()?, month, day, ..Moment::default() };
    // There is no year 0.
    (year > 0 && moment.is_valid()).then_some(moment)
}

/// Reads `YYYY-MM-DD[{ |T}HH:MI[:SS[.ffffff]][zone]]`.
pub(super) fn iso(bytes: &[u8]) -> Option<Moment> {
    let date = iso_date(bytes)?;
    let rest = match &bytes[10..] {
        [] => return Some(date),
        [b' ' | b'T', rest @ ..] => rest,
        _ => return None,
    };
    let (time, rest) = time_of_day(rest)?;
    let mut moment = Moment { year: date.year, month: date.month, day: date.day, ..time };
    if !rest.is_empty() {
        moment.offset_seconds = Some(zone_offset(rest.trim_ascii(), &moment)?);
    }
    Some(moment)
}

/// Reads `HH:MI[:SS[.ffffff]]`; returns what follows.
pub(super) fn time_of_day(bytes: &[u8]) -> Option<(Moment, &[u8])> {
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let mut moment = Moment { year: 1970, month: 1, day: 1, ..Moment::default() };
    moment.hour = two(&bytes[..2])?;
    moment.minute = two(&bytes[3..5])?;
    let mut rest = &bytes[5..];
    if rest.len() >= 3 && rest[0] == b':' {
        moment.second = two(&rest[1..3])?;
        rest = &rest[3..];
        if let Some(digits) = rest.strip_prefix(b".") {
            rest = digits;
            moment.micros = fraction(&mut rest)?;
        }
    }
    moment.is_valid().then_some((moment, rest))
}

/// Reads `Z`, `UTC`, `+1`, `-08`, `+05:30`, `+0530`, or the name of a zone.
fn zone_offset(zone: &[u8], local: &Moment) -> Option<i32> {
    let zone = std::str::from_utf8(zone).ok()?;
    if ["Z", "UTC", "GMT"].iter().any(|name| zone.eq_ignore_ascii_case(name)) {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return named_zone(zone, local),
    };
    let digits = &zone[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    (hours < 16 && minutes < 60).then(|| sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

fn named_zone(name: &str, local: &Moment) -> Option<i32> {
    use chrono::Offset;
    if let Some(seconds) = zone::abbreviated(name) {
        return Some(seconds);
    }
    let zone = name.parse::<chrono_tz::Tz>().ok()?;
    let time = NaiveDate::from_ymd_opt(local.year, local.month, local.day)?.and_hms_opt(
        local.hour % 24,
        local.minute,
        local.second,
    )?;
    Some(zone.from_local_datetime(&time).earliest()?.offset().fix().local_minus_utc())
}

/// The formats of `'auto'` besides the ISO form.
static AUTO: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let dates = [
        "YYYY/MM/DD",
        "YYYY.MM.DD",
        "YYYY-MM-DD",
        "YYYYMMDD",
        "MM/DD/YYYY",
        "MM-DD-YYYY",
        "DD.MM.YYYY",
        "DD-MON-YYYY",
        "MON-DD-YYYY",
        "MON DD, YYYY",
        "MON DD YYYY",
        "DD MON YYYY",
        "YYYY-MON-DD",
        "YYMMDD",
        "MM/DD/YY",
    ];
    let times = [
        "",
        " HH24:MI:SS",
        " HH24:MI",
        "THH24:MI:SS",
        " HH12:MI:SS AM",
        " HH12:MI AM",
        " HH24MISS",
        "THH24MISS",
    ];
    let pairs = dates.iter().flat_map(|date| times.iter().map(move |time| format!("{date}{time}")));
    pairs.filter_map(|text| Pattern::parse(&text)).collect()
});

/// Reads any of the formats of `'auto'`, with or without a zone and an era.
pub(crate) fn auto(bytes: &[u8]) -> Option<Moment> {
    let bytes = bytes.trim_ascii();
    let (bytes, before_christ) = match bytes.split_last_chunk::<3>() {
        Some((rest, era)) if era.eq_ignore_ascii_case(b" bc") => (rest.trim_ascii_end(), true),
        Some((rest, era)) if era.eq_ignore_ascii_case(b" ad") => (rest.trim_ascii_end(), false),
        _ => (bytes, false),
    };
    let mut moment = of_our_era(bytes)?;
    if before_christ {
        // There is no year 0: the one before year 1 is 1 BC.
        moment.year = 1 - moment.year;
    }
    moment.is_valid().then_some(moment)
}

fn of_our_era(bytes: &[u8]) -> Option<Moment> {
    if let Some(moment) = iso(bytes).or_else(|| long_year(bytes)) {
        return Some(moment);
    }
    let moment = match AUTO.iter().find_map(|pattern| pattern.read(bytes)) {
        Some(moment) => moment,
        None => zoned(bytes)?,
    };
    (moment.year > 0).then_some(moment)
}

/// Reads the ISO form with a year of five or six digits.
fn long_year(bytes: &[u8]) -> Option<Moment> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(5..=6).contains(&digits) || bytes.get(digits) != Some(&b'-') {
        return None;
    }
    let (year, rest) = bytes.split_at(digits);
    // The rest is read in a year that has every day.
    let moment = iso(&[b"2000", rest].concat())?;
    Some(Moment { year: std::str::from_utf8(year).ok()?.parse().ok()?, ..moment })
}

/// Reads a zone at the end: from a sign or a Z that follows the time, else after the last blank.
fn zoned(bytes: &[u8]) -> Option<Moment> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let time = &bytes[colon..];
    let sign = time.iter().position(|byte| matches!(byte, b'+' | b'-'));
    let blank = || time.iter().rposition(|byte| matches!(byte, b' ' | b'Z'));
    let end = colon + sign.or_else(blank)?;
    let local = bytes[..end].trim_ascii_end();
    let mut moment = AUTO.iter().find_map(|pattern| pattern.read(local))?;
    moment.offset_seconds = Some(zone_offset(bytes[end..].trim_ascii(), &moment)?);
    Some(moment)
}

/// Reads a time of day, in microseconds since midnight; a date before it is left aside.
pub(crate) fn time(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.trim_ascii();
    match time_of_day(bytes).filter(|(_, rest)| rest.is_empty()) {
        Some((moment, _)) => Some(moment.time_us()),
        // The patterns have a date each.
        None => {
            auto(&[b"2000-01-01 ", bytes].concat()).or_else(|| auto(bytes)).map(|m| m.time_us())
        }
    }
}
