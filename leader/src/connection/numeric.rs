//! PostgreSQL's binary form of a numeric: digits to the base 10 000, the first one's weight, a sign,
//! and how many decimal digits to show.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use datafusion::common::ScalarValue;
use engine::{
    client_error::SqlState,
    types::{DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX},
};

use crate::error::Error;

/// Decimal digits of one group.
const GROUP_DIGITS: u32 = 4;
const GROUP_MAX: i128 = 9_999;
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
/// Number of groups, weight, sign, scale.
const HEADER_BYTES: usize = 8;

/// Appends a numeric behind its length.
pub(super) fn put(out: &mut BytesMut, value: i128, scale: u32) {
    let magnitude = value.unsigned_abs();
    let unit = 10_u128.saturating_pow(scale);
    let (mut whole, mut fraction) = (magnitude / unit, magnitude % unit);
    // Ten groups before the point and ten after it hold 38 digits on either side.
    let mut groups = [0_u16; 20];
    let mut count = 0;
    while whole > 0 {
        groups[count] = (whole % 10_000) as u16;
        whole /= 10_000;
        count += 1;
    }
    groups[..count].reverse();
    let weight = i16::try_from(count).unwrap_or(0) - 1;
    let mut digits_left = scale;
    while digits_left > 0 {
        let taken = digits_left.min(GROUP_DIGITS);
        digits_left -= taken;
        let below = 10_u128.pow(digits_left);
        let group = fraction / below * 10_u128.pow(GROUP_DIGITS - taken);
        fraction %= below;
        groups[count] = group as u16;
        count += 1;
    }
    let leading = groups[..count].iter().take_while(|group| **group == 0).count();
    let trailing = groups[leading..count].iter().rev().take_while(|group| **group == 0).count();
    let groups = &groups[leading..count - trailing];
    let weight = if groups.is_empty() { 0 } else { weight - i16::try_from(leading).unwrap_or(0) };
    out.put_i32(8 + 2 * i32::try_from(groups.len()).unwrap_or(0));
    out.put_u16(u16::try_from(groups.len()).unwrap_or(0));
    out.put_i16(weight);
    out.put_u16(if value < 0 { NEGATIVE } else { POSITIVE });
    out.put_u16(u16::try_from(scale).unwrap_or(0));
    for group in groups {
        out.put_u16(*group);
    }
}

/// Reads PostgreSQL's binary numeric; `None` when the bytes are not one.
pub(super) fn get(mut value: Bytes) -> Option<Result<ScalarValue, Error>> {
    if value.len() < HEADER_BYTES {
        return None;
    }
    let count = usize::from(value.get_u16());
    let weight = i32::from(value.get_i16());
    let sign = value.get_u16();
    let scale = i32::from(value.get_u16());
    if value.len() != 2 * count {
        return None;
    }
    if sign != POSITIVE && sign != NEGATIVE {
        let message = "NaN and infinity are no values of type numeric";
        return Some(Err(Error::statement(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)));
    }
    let mut unscaled = 0_i128;
    for index in 0..count {
        let group = i128::from(value.get_u16());
        if group > GROUP_MAX {
            return None;
        }
        // The decimal place of the group's last digit, once the point is moved by the scale.
        let place = 4 * (weight - i32::try_from(index).ok()?) + scale;
        let term = if place >= 0 {
            10_i128.checked_pow(place.unsigned_abs()).and_then(|unit| group.checked_mul(unit))
        } else {
            Some(10_i128.checked_pow(place.unsigned_abs()).map_or(0, |unit| group / unit))
        };
        match term.and_then(|term| unscaled.checked_add(term)) {
            Some(sum) => unscaled = sum,
            None if group == 0 => {}
            None => return Some(scalar(i128::MAX, 0)),
        }
    }
    Some(scalar(if sign == POSITIVE { unscaled } else { -unscaled }, scale))
}

/// Returns a DECIMAL value, or 22003 when it has more digits than Redshift holds.
pub(super) fn scalar(unscaled: i128, scale: i32) -> Result<ScalarValue, Error> {
    let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    let scale = i8::try_from(scale).ok().filter(|scale| *scale <= DECIMAL_SCALE_MAX);
    match scale {
        Some(scale) if digits <= u32::from(DECIMAL_PRECISION_MAX) => {
            Ok(ScalarValue::Decimal128(Some(unscaled), DECIMAL_PRECISION_MAX, scale))
        }
        _ => Err(Error::statement(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            "numeric value has more than 38 digits",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(unscaled: i128, scale: u32) -> Vec<u8> {
        let mut out = BytesMut::new();
        put(&mut out, unscaled, scale);
        assert_eq!(out[..4], (out.len() as u32 - 4).to_be_bytes());
        out[4..].to_vec()
    }

    #[test]
    fn known_bytes() {
        // 12345.67 = 1 | 2345 | 6700, weight 1.
        assert_eq!(bytes(1_234_567, 2), [0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 0x09, 0x29, 0x1a, 0x2c]);
        assert_eq!(bytes(0, 3), [0, 0, 0, 0, 0, 0, 0, 3]);
        // -0.00001: one group, 1000, two places below the point.
        assert_eq!(bytes(-1, 5), [0, 1, 0xff, 0xfe, 0x40, 0, 0, 5, 0x03, 0xe8]);
        assert_eq!(bytes(10_000, 0), [0, 1, 0, 1, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_is_written_is_read() {
        let largest = 10_i128.pow(38) - 1;
        for unscaled in [0, 1, -1, 42, 10_000, -123_456_789, largest, -largest] {
            for scale in [0, 1, 2, 4, 5, 18, 37] {
                let read = get(Bytes::from(bytes(unscaled, scale))).unwrap().unwrap();
                assert_eq!(read, ScalarValue::Decimal128(Some(unscaled), 38, scale as i8));
            }
        }
    }

    #[test]
    fn bytes_that_are_no_numeric() {
        assert!(get(Bytes::from_static(&[0, 1, 0, 0])).is_none());
        assert!(get(Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0, 0])).is_none());
        assert!(get(Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff])).is_none());
        // NaN, and 10000^1000.
        assert!(get(Bytes::from_static(&[0, 0, 0, 0, 0xc0, 0, 0, 0])).unwrap().is_err());
        assert!(get(Bytes::from_static(&[0, 1, 3, 0xe8, 0, 0, 0, 0, 0, 1])).unwrap().is_err());
    }
}
