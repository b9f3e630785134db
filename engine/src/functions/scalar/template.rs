//! Format strings of dates and times: "Datetime format strings" of Redshift's documentation.
//!
//! A word in capitals shows a name in capitals, `Month` and `month` as they are written; `FM` leaves out
//! padding; what stands between double quotes, and what is no word, is shown as it is.

use std::borrow::Cow;

use super::arguments::Arguments;

/// A field of a date or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Century,
    Year,
    /// The last digits of the year: 3, 2 or 1.
    ShortYear(u8),
    IsoYear,
    Quarter,
    Month,
    MonthName,
    MonthShort,
    MonthRoman,
    WeekOfYear,
    IsoWeek,
    WeekOfMonth,
    DayName,
    DayShort,
    DayOfYear,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    JulianDay,
    Hour24,
    Hour12,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    SecondOfDay,
    Meridiem,
    DottedMeridiem,
    Zone,
    Offset,
}

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Capital,
}

/// A piece of a format string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A field: how its name is written, whether it is padded, whether it is an ordinal (`TH`).
    Field { field: Field, case: Case, padded: bool, ordinal: bool },
    /// Text.
    Literal(char),
}

/// A format string, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) pieces: Vec<Piece>,
}

/// A word comes before those that are its beginning.
const WORDS: &[(&str, Field)] = &[
    ("CC", Field::Century),
    ("YYYY", Field::Year),
    ("Y,YYY", Field::Year),
    ("YYY", Field::ShortYear(3)),
    ("YY", Field::ShortYear(2)),
    ("Y", Field::ShortYear(1)),
    ("IYYY", Field::IsoYear),
    ("IW", Field::IsoWeek),
    ("IDDD", Field::DayOfYear),
    ("ID", Field::IsoDayOfWeek),
    ("Q", Field::Quarter),
    ("MONTH", Field::MonthName),
    ("MON", Field::MonthShort),
    ("MM", Field::Month),
    ("MI", Field::Minute),
    ("MS", Field::Millisecond),
    ("RM", Field::MonthRoman),
    ("WW", Field::WeekOfYear),
    ("W", Field::WeekOfMonth),
    ("DAY", Field::DayName),
    ("DY", Field::DayShort),
    ("DDD", Field::DayOfYear),
    ("DD", Field::Day),
    ("D", Field::DayOfWeek),
    ("J", Field::JulianDay),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("US", Field::Microsecond),
    ("AM", Field::Meridiem),
    ("PM", Field::Meridiem),
    ("A.M.", Field::DottedMeridiem),
    ("P.M.", Field::DottedMeridiem),
    ("TZ", Field::Zone),
    ("OF", Field::Offset),
];

impl Template {
    /// Reads a format string.
    pub(super) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut padded = true;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (literal, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                pieces.extend(literal.chars().map(Piece::Literal));
                rest = after;
                continue;
            }
            if starts_with(rest, "FM") {
                padded = false;
                rest = &rest[2..];
                continue;
            }
            let Some((word, field)) = WORDS.iter().find(|(word, _)| starts_with(rest, word)) else {
                pieces.push(Piece::Literal(first));
                rest = &rest[first.len_utf8()..];
                continue;
            };
            let case = case_of(&rest[..word.len()]);
            rest = &rest[word.len()..];
            let ordinal = starts_with(rest, "TH") && !matches!(field, Field::MonthName);
            rest = if ordinal { &rest[2..] } else { rest };
            pieces.push(Piece::Field { field: *field, case, padded, ordinal });
            padded = true;
        }
        Self { pieces }
    }

    /// Returns the template of a row: a constant one is read once, in `constant`.
    pub(super) fn of_row<'t>(
        constant: Option<&'t Self>,
        a: &Arguments,
        argument: usize,
        row: usize,
    ) -> Option<Cow<'t, Self>> {
        match constant {
            Some(template) => Some(Cow::Borrowed(template)),
            None => Some(Cow::Owned(Self::parse(a.text(argument, row)?))),
        }
    }

    /// Returns the template that is the same for all rows.
    pub(super) fn constant(a: &Arguments, argument: usize) -> Option<Self> {
        a.constant_text(argument).map(Self::parse)
    }
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn case_of(word: &str) -> Case {
    let mut letters = word.chars().filter(char::is_ascii_alphabetic);
    match (letters.next(), letters.next()) {
        (Some(first), _) if first.is_lowercase() => Case::Lower,
        (_, Some(second)) if second.is_lowercase() => Case::Capital,
        _ => Case::Upper,
    }
}
