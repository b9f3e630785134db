//! Numbers as text, read from bytes.

/// Why a text is no number of the type wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    /// A byte that does not belong, and where.
    InvalidDigit { byte: u8, position: usize },
    /// Too large for the type.
    Overflow,
}

/// Reads a whole number; `text` has no blanks around it.
pub(super) fn integer(text: &[u8]) -> Result<i64, NumberError> {
    let (negative, digits) = sign(text);
    let skipped = text.len() - digits.len();
    if digits.is_empty() {
        let byte = text.first().copied().unwrap_or(b' ');
        return Err(NumberError::InvalidDigit { byte, position: 0 });
    }
    let mut value: u64 = 0;
    // 18 digits cannot overflow.
    let (quick, slow) = digits.split_at(digits.len().min(18));
    for (at, byte) in quick.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NumberError::InvalidDigit { byte: *byte, position: skipped + at });
        }
        value = value * 10 + u64::from(digit);
    }
    let mut wide = i128::from(value);
    for (at, byte) in slow.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NumberError::InvalidDigit { byte: *byte, position: skipped + 18 + at });
        }
        wide = wide.saturating_mul(10).saturating_add(i128::from(digit));
    }
    let wide = if negative { -wide } else { wide };
    i64::try_from(wide).map_err(|_| NumberError::Overflow)
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}

/// Reads an exact number of the scale; further digits are cut off, or rounded half away from zero.
pub(super) fn decimal(
    text: &[u8],
    precision: u8,
    scale: i8,
    round: bool,
) -> Result<i128, NumberError> {
    let scale = usize::try_from(scale).unwrap_or(0);
    let unscaled = match quick_decimal(text, scale, round) {
        Some(value) => i128::from(value),
        None => slow_decimal(text, scale, round)?,
    };
    match unscaled.unsigned_abs() < 10_u128.pow(u32::from(precision)) {
        true => Ok(unscaled),
        false => Err(NumberError::Overflow),
    }
}

/// Reads up to 18 digits without an exponent; `None` for anything else.
fn quick_decimal(text: &[u8], scale: usize, round: bool) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.len() > 18 || digits.is_empty() || scale > 17 {
        return None;
    }
    let mut value: i64 = 0;
    let mut whole = digits.len();
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            whole = at;
            break;
        }
        value = value * 10 + i64::from(digit);
    }
    let mut after = 0;
    if whole < digits.len() {
        if digits[whole] != b'.' || digits.len() == 1 || whole + scale > 18 {
            return None;
        }
        let mut up = false;
        for byte in &digits[whole + 1..] {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            if after < scale {
                value = value * 10 + i64::from(digit);
            } else if after == scale {
                up = digit >= 5;
            }
            after += 1;
        }
        if round && up {
            value += 1;
        }
    }
    for _ in after..scale {
        value = value.checked_mul(10)?;
    }
    Some(if negative { -value } else { value })
}

fn slow_decimal(text: &[u8], scale: usize, round: bool) -> Result<i128, NumberError> {
    let invalid = |position: usize| NumberError::InvalidDigit {
        byte: text.get(position).copied().unwrap_or(b' '),
        position,
    };
    let (negative, digits) = sign(text);
    let skipped = text.len() - digits.len();
    let (mut value, mut seen, mut point, mut exponent) = (0_u128, 0_usize, None, 0_i64);
    let mut dropped: i64 = 0;
    let mut kept = Vec::with_capacity(digits.len());
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                seen += 1;
                kept.push(byte - b'0');
            }
            b'.' if point.is_none() => point = Some(kept.len()),
            b'e' | b'E' if seen > 0 => {
                let text = std::str::from_utf8(&digits[at + 1..]).unwrap_or_default();
                exponent = text.parse::<i16>().map(i64::from).map_err(|_| invalid(skipped + at))?;
                break;
            }
            _ => return Err(invalid(skipped + at)),
        }
    }
    if seen == 0 {
        return Err(invalid(0));
    }
    // The digits that lie within the scale, counted from the left.
    let whole = point.unwrap_or(kept.len()) as i64 + exponent;
    let within = whole + scale as i64;
    for at in 0..within.max(0) {
        let digit = usize::try_from(at).ok().and_then(|at| kept.get(at)).copied().unwrap_or(0);
        if value == 0 && digit == 0 {
            dropped += 1;
            continue;
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u128::from(digit)))
            .ok_or(NumberError::Overflow)?;
        if at - dropped > 40 {
            return Err(NumberError::Overflow);
        }
    }
    let next = usize::try_from(within).ok().and_then(|at| kept.get(at));
    if round && next.is_some_and(|digit| *digit >= 5) {
        value += 1;
    }
    let value = i128::try_from(value).map_err(|_| NumberError::Overflow)?;
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_overflow_and_name_the_digit_that_is_wrong() {
        assert_eq!(integer(b"-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(integer(b"9223372036854775808"), Err(NumberError::Overflow));
        assert_eq!(integer(b"+12"), Ok(12));
        assert_eq!(integer(b"12a"), Err(NumberError::InvalidDigit { byte: b'a', position: 2 }));
        assert!(integer(b"-").is_err());
    }

    #[test]
    fn decimals_are_cut_or_rounded() {
        for (text, cut, rounded) in [
            ("20.259", 2025, 2026),
            ("-20.255", -2025, -2026),
            ("1", 100, 100),
            (".5", 50, 50),
            ("7.", 700, 700),
            ("1e2", 10_000, 10_000),
            ("1.2345e1", 1234, 1235),
            ("5e-3", 0, 1),
            ("0000000000000000000000000000000000000000000001.5", 150, 150),
            ("123456789012345678.999", 12_345_678_901_234_567_899, 12_345_678_901_234_567_900),
        ] {
            assert_eq!(decimal(text.as_bytes(), 38, 2, false), Ok(cut), "{text}");
            assert_eq!(decimal(text.as_bytes(), 38, 2, true), Ok(rounded), "{text}");
        }
        assert_eq!(decimal(b"1000", 5, 2, false), Err(NumberError::Overflow));
        assert!(decimal(b"1.2.3", 5, 2, false).is_err());
        assert!(decimal(b".", 5, 2, false).is_err());
        assert!(decimal(b"x", 5, 2, false).is_err());
        assert_eq!(decimal(b"1e9999", 38, 2, false), Err(NumberError::Overflow));
    }
}
