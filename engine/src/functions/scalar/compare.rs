//! Comparisons with an answer of -1, 0 or 1: BPCHARCMP, DATE_CMP and the others of their kind.

use std::{cmp::Ordering, sync::Arc};

use datafusion::{
    arrow::{array::ArrayRef, datatypes::Int32Type},
    error::Result,
};

use crate::types::SqlType;

use super::{
    arguments::Arguments,
    date::DAY_MICROS,
    function::{
        Definition, Form,
        Kind::{self, Date, Text, Timestamp, TimestampTz},
        form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["bpcharcmp", "bttext_pattern_cmp"],
        forms: &[form(&[Text, Text], SqlType::Integer, texts)],
    },
    comparison(&["date_cmp"], &[of(&[Date, Date])]),
    comparison(&["date_cmp_timestamp"], &[of(&[Date, Timestamp])]),
    comparison(&["date_cmp_timestamptz"], &[of(&[Date, TimestampTz])]),
    comparison(&["timestamp_cmp"], &[of(&[Timestamp, Timestamp])]),
    comparison(&["timestamp_cmp_date"], &[of(&[Timestamp, Date])]),
    comparison(&["timestamp_cmp_timestamptz"], &[of(&[Timestamp, TimestampTz])]),
    comparison(&["timestamptz_cmp"], &[of(&[TimestampTz, TimestampTz])]),
    comparison(&["timestamptz_cmp_date"], &[of(&[TimestampTz, Date])]),
    comparison(&["timestamptz_cmp_timestamp"], &[of(&[TimestampTz, Timestamp])]),
];

const fn comparison(names: &'static [&'static str], forms: &'static [Form]) -> Definition {
    Definition { names, forms }
}

const fn of(takes: &'static [Kind]) -> Form {
    form(takes, SqlType::Integer, moments)
}

fn answer(order: Ordering) -> i32 {
    order as i32
}

/// By their bytes; blanks at the end do not count, as in any comparison.
fn texts(a: &Arguments) -> Result<ArrayRef> {
    let answers = a.primitives::<Int32Type>(|row| {
        let (left, right) = (a.text(0, row)?, a.text(1, row)?);
        Some(Ok(answer(left.trim_end_matches(' ').cmp(right.trim_end_matches(' ')))))
    })?;
    Ok(Arc::new(answers))
}

/// A date is its first moment, in UTC.
fn moments(a: &Arguments) -> Result<ArrayRef> {
    let moment = |argument, row| {
        let day = a.days(argument, row).map(|days| i64::from(days).saturating_mul(DAY_MICROS));
        day.or_else(|| a.micros(argument, row))
    };
    let answers = a.primitives::<Int32Type>(|row| {
        let (left, right) = (moment(0, row)?, moment(1, row)?);
        Some(Ok(answer(left.cmp(&right))))
    })?;
    Ok(Arc::new(answers))
}
