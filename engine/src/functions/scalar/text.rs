//! Texts searched, read and put together: CHARINDEX, CONCAT, REPEAT, STRTOL.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::ArrayRef,
        datatypes::{Int32Type, Int64Type},
    },
    error::Result,
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::{SqlType, VARCHAR_LENGTH_MAX},
};

use super::{
    arguments::Arguments,
    function::{
        Definition,
        Kind::{Integer, Text},
        TEXT, form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        names: &["charindex"],
        forms: &[form(&[Text, Text], SqlType::Integer, charindex)],
    },
    Definition { names: &["concat"], forms: &[form(&[Text, Text], TEXT, concat)] },
    Definition { names: &["repeat", "replicate"], forms: &[form(&[Text, Integer], TEXT, repeat)] },
    Definition { names: &["strtol"], forms: &[form(&[Text, Integer], SqlType::BigInt, strtol)] },
];

/// Counts characters from 1; 0 where there is none.
fn charindex(a: &Arguments) -> Result<ArrayRef> {
    let places = a.primitives::<Int32Type>(|row| {
        let (part, text) = (a.text(0, row)?, a.text(1, row)?);
        let place = text.find(part).map_or(0, |at| text[..at].chars().count() + 1);
        i32::try_from(place).ok().map(Ok)
    })?;
    Ok(Arc::new(places))
}

/// NULL if one of the texts is, as `||`.
fn concat(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| {
        let (left, right) = (a.text(0, row)?, a.text(1, row)?);
        let fits = checked_length(left.len().checked_add(right.len()));
        Some(fits.map(|()| [left, right].concat()))
    })
}

/// No times, or fewer, is an empty text.
fn repeat(a: &Arguments) -> Result<ArrayRef> {
    a.texts(|row| {
        let (text, count) = (a.text(0, row)?, a.integer(1, row)?);
        let count = usize::try_from(count).unwrap_or(0);
        Some(checked_length(text.len().checked_mul(count)).map(|()| text.repeat(count)))
    })
}

/// Fails for what is longer than the largest VARCHAR.
fn checked_length(bytes: Option<usize>) -> Result<()> {
    if bytes.is_some_and(|bytes| bytes <= VARCHAR_LENGTH_MAX as usize) {
        return Ok(());
    }
    let message = format!("the result is longer than {VARCHAR_LENGTH_MAX} bytes");
    Err(client_error(error(SqlState::STRING_DATA_RIGHT_TRUNCATION, message)))
}

fn strtol(a: &Arguments) -> Result<ArrayRef> {
    let numbers = a.primitives::<Int64Type>(|row| {
        let (text, base) = (a.text(0, row)?, a.integer(1, row)?);
        let Some(base) = u32::try_from(base).ok().filter(|base| (2..=36).contains(base)) else {
            let message = "STRTOL: the base must be between 2 and 36";
            return Some(Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))));
        };
        let digits = text.trim().to_ascii_lowercase();
        let digits = if base == 16 { digits.replacen("0x", "", 1) } else { digits };
        let number = i64::from_str_radix(&digits, base).map_err(|_| {
            let message = format!("The input {text} is not valid to be converted to base {base}");
            client_error(error(SqlState::INVALID_TEXT_REPRESENTATION, message))
        });
        Some(number)
    })?;
    Ok(Arc::new(numbers))
}
