//! DATEFORMAT and TIMEFORMAT strings: `'MON-DD-YYYY HH12:MI:SS AM'`.

use serde::{Deserialize, Serialize};

use super::moment::Moment;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const MONTHS_LONG: [&str; 12] = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
];

/// The words of a pattern; a word comes after those it is a prefix of.
const WORDS: [(&str, Part); 14] = [
    ("YYYY", Part::Year),
    ("YY", Part::ShortYear),
    ("MONTH", Part::MonthName),
    ("MON", Part::MonthName),
    ("MM", Part::Month),
    ("MI", Part::Minute),
    ("DD", Part::Day),
    ("HH24", Part::Hour),
    ("HH12", Part::Hour12),
    ("HH", Part::Hour),
    ("SS", Part::Second),
    ("AM", Part::Meridiem),
    ("PM", Part::Meridiem),
    ("US", Part::Fraction),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    Meridiem,
    Literal(u8),
}

/// A format string, read once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    parts: Vec<Part>,
    text: String,
}

impl Pattern {
    /// Reads a format string; `None` if it names no part of a date or a time, or a time zone.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let mut parts = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &upper.as_bytes()[at..];
            let word = WORDS.iter().find(|(word, _)| rest.starts_with(word.as_bytes()));
            match word {
                Some((word, part)) => {
                    parts.push(*part);
                    at += word.len();
                }
                None if rest.starts_with(b"OF") || rest.starts_with(b"TZ") => return None,
                None => {
                    parts.push(Part::Literal(text.as_bytes()[at]));
                    at += 1;
                }
            }
        }
        let some = parts.iter().any(|part| !matches!(part, Part::Literal(_)));
        some.then(|| Self { parts, text: text.to_owned() })
    }

    /// Returns the format string.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads a value; `None` if it does not fit the pattern or is no date or time.
    pub(super) fn read(&self, value: &[u8]) -> Option<Moment> {
        let mut rest = value;
        let mut moment = Moment { year: 1970, month: 1, day: 1, ..Moment::default() };
        let mut afternoon = None;
        for part in &self.parts {
            match part {
                Part::Year => moment.year = year(&mut rest)?,
                Part::ShortYear => {
                    let year = i32::try_from(number(&mut rest, 2)?).ok()?;
                    moment.year = if year < 70 { 2000 + year } else { 1900 + year };
                }
                Part::Month => moment.month = number(&mut rest, 2)?,
                Part::MonthName => moment.month = month_name(&mut rest)?,
                Part::Day => moment.day = number(&mut rest, 2)?,
                Part::Hour | Part::Hour12 => moment.hour = number(&mut rest, 2)?,
                Part::Minute => moment.minute = number(&mut rest, 2)?,
                Part::Second => {
                    moment.second = number(&mut rest, 2)?;
                    if rest.first() == Some(&b'.') {
                        rest = &rest[1..];
                        moment.micros = fraction(&mut rest)?;
                    }
                }
                Part::Fraction => moment.micros = fraction(&mut rest)?,
                Part::Meridiem => afternoon = Some(meridiem(&mut rest)?),
                Part::Literal(byte) => {
                    rest = rest.strip_prefix(&[*byte])?;
                }
            }
        }
        if let Some(afternoon) = afternoon {
            if !(1..=12).contains(&moment.hour) {
                return None;
            }
            moment.hour = moment.hour % 12 + if afternoon { 12 } else { 0 };
        }
        (rest.is_empty() && moment.is_valid()).then_some(moment)
    }
}

/// Takes four digits: with fewer, `auto` could not tell a short year from a long one.
fn year(rest: &mut &[u8]) -> Option<i32> {
    let digits = rest.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let mut digits = digits;
    *rest = &rest[4..];
    i32::try_from(number(&mut digits, 4)?).ok()
}

/// Takes one to `digits_max` digits.
fn number(rest: &mut &[u8], digits_max: usize) -> Option<u32> {
    let count = rest.iter().take(digits_max).take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let value = rest[..count].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    *rest = &rest[count..];
    Some(value)
}

/// Takes the digits after the point: microseconds, what is finer is cut off.
pub(super) fn fraction(rest: &mut &[u8]) -> Option<u32> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let micros = (0..6).fold(0, |value, at| {
        let digit = if at < count { rest[at] - b'0' } else { 0 };
        value * 10 + u32::from(digit)
    });
    *rest = &rest[count..];
    Some(micros)
}

fn month_name(rest: &mut &[u8]) -> Option<u32> {
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let found = MONTHS_LONG
        .iter()
        .chain(&MONTHS)
        .position(|name| rest[..letters].eq_ignore_ascii_case(name.as_bytes()))?;
    *rest = &rest[letters..];
    u32::try_from(found % 12 + 1).ok()
}

fn meridiem(rest: &mut &[u8]) -> Option<bool> {
    let word = rest.get(..2)?;
    let afternoon = match word {
        _ if word.eq_ignore_ascii_case(b"AM") => false,
        _ if word.eq_ignore_ascii_case(b"PM") => true,
        _ => return None,
    };
    *rest = &rest[2..];
    Some(afternoon)
}
