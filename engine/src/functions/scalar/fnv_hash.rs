//! FNV_HASH: the 64-bit FNV-1a hash of a value's bytes, as many as its type has.

use std::sync::Arc;

use datafusion::{
    arrow::{array::ArrayRef, datatypes::Int64Type},
    error::Result,
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    sql::SqlError,
    types::SqlType,
};

use super::{
    arguments::Arguments,
    function::{
        Definition, Form,
        Kind::{
            self, Boolean, Date, Double, Integer, Integer2, Integer4, Numeric, Text, Timestamp,
            TimestampTz,
        },
        form,
    },
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[Definition {
    names: &["fnv_hash"],
    forms: &[
        of(&[Text], text),
        of(&[Text, Integer], text),
        of(&[Integer2], integer::<2>),
        of(&[Integer2, Integer], integer::<2>),
        of(&[Integer4], integer::<4>),
        of(&[Integer4, Integer], integer::<4>),
        of(&[Integer], integer::<8>),
        of(&[Integer, Integer], integer::<8>),
        of(&[Boolean], boolean),
        of(&[Boolean, Integer], boolean),
        of(&[Date], date),
        of(&[Date, Integer], date),
        of(&[Timestamp], moment),
        of(&[Timestamp, Integer], moment),
        of(&[TimestampTz], moment),
        of(&[TimestampTz, Integer], moment),
        of(&[Numeric], unsupported),
        of(&[Numeric, Integer], unsupported),
        of(&[Double], unsupported),
        of(&[Double, Integer], unsupported),
    ],
}];

/// The hash of nothing: where each starts unless a seed is given.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

const fn of(takes: &'static [Kind], compute: fn(&Arguments) -> Result<ArrayRef>) -> Form {
    form(takes, SqlType::BigInt, compute)
}

fn hashes<T: AsRef<[u8]>>(a: &Arguments, bytes: impl Fn(usize) -> Option<T>) -> Result<ArrayRef> {
    let hashes = a.primitives::<Int64Type>(|row| {
        let seed = match a.len() {
            1 => BASIS,
            _ => a.integer(1, row)?.cast_unsigned(),
        };
        let hash = bytes(row)?
            .as_ref()
            .iter()
            .fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
        Some(Ok(hash.cast_signed()))
    })?;
    Ok(Arc::new(hashes))
}

fn text(a: &Arguments) -> Result<ArrayRef> {
    hashes(a, |row| a.text(0, row))
}

fn integer<const WIDTH: usize>(a: &Arguments) -> Result<ArrayRef> {
    hashes(a, |row| {
        let bytes = a.integer(0, row)?.to_le_bytes();
        bytes.first_chunk::<WIDTH>().copied()
    })
}

fn boolean(a: &Arguments) -> Result<ArrayRef> {
    hashes(a, |row| Some([u8::from(a.boolean(0, row)?)]))
}

fn date(a: &Arguments) -> Result<ArrayRef> {
    hashes(a, |row| Some(a.days(0, row)?.to_le_bytes()))
}

/// How Redshift lays these out is not documented: another hash than its own would be wrong.
fn unsupported(_: &Arguments) -> Result<ArrayRef> {
    Err(client_error(SqlError {
        hint: Some("Cast the value to VARCHAR, or to an integer.".to_owned()),
        ..error(
            SqlState::FEATURE_NOT_SUPPORTED,
            "FNV_HASH of a NUMERIC or a float is not supported",
        )
    }))
}

fn moment(a: &Arguments) -> Result<ArrayRef> {
    hashes(a, |row| Some(a.micros(0, row)?.to_le_bytes()))
}
