//! `+`, `-`, `*` and `/` of DECIMALs whose result may have more than 38 digits.

use std::sync::Arc;

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, Datum, Decimal128Array},
    buffer::NullBuffer,
    compute::{binary, try_binary},
    datatypes::{Decimal128Type, i256},
    error::ArrowError,
};

use crate::{client_error::SqlState, types::Digits};

use super::{Operation, division_by_zero, failure};

/// The first number that has more than 38 digits.
const TOO_LARGE: u128 = 10_u128.pow(38);

/// Computes `left` and `right`, each a DECIMAL of its own scale, into DECIMAL(precision, scale).
pub(super) fn compute(
    operation: Operation,
    left: &dyn Datum,
    right: &dyn Datum,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef, ArrowError> {
    let scales = Scales { left: scale_of(left), right: scale_of(right), result: scale.into() };
    let overflow = || {
        let word = match operation {
            Operation::Add => "addition",
            Operation::Subtract => "subtraction",
            Operation::Multiply => "multiplication",
            Operation::Divide => "division",
        };
        let message = format!("Numeric data overflow ({word})");
        failure(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
    };
    let computed = match operation {
        Operation::Add | Operation::Subtract => {
            let (by_left, by_right) = (scales.power(scales.left), scales.power(scales.right));
            let negate = operation == Operation::Subtract;
            if digits_fit(operation, left, right) {
                let computed = sums(Sides::of(left, right), by_left, by_right, negate)?;
                return Ok(Arc::new(computed.with_precision_and_scale(precision, scale)?));
            }
            each(left, right, |l, r| {
                let r = if negate { -r } else { r };
                let sum = l.checked_mul(by_left).zip(r.checked_mul(by_right));
                let sum = sum.and_then(|(l, r)| l.checked_add(r)).filter(|sum| fits(*sum));
                sum.ok_or_else(overflow)
            })?
        }
        Operation::Multiply => {
            let excess = u8::try_from(scales.left + scales.right - scales.result).unwrap_or(0);
            if excess == 0 && is_narrow(left) && is_narrow(right) {
                // A multiplication of 64 bits has less than 2^126: no more than 38 digits.
                #[expect(clippy::cast_possible_truncation, reason = "all values are narrow")]
                let multiply = |l: i128, r: i128| i128::from(l as i64) * i128::from(r as i64);
                let computed = each_fits(Sides::of(left, right), multiply)?;
                return Ok(Arc::new(computed.with_precision_and_scale(precision, scale)?));
            }
            each(left, right, |l, r| multiply(l, r, excess).ok_or_else(overflow))?
        }
        Operation::Divide => {
            let shift = u8::try_from(scales.result - scales.left + scales.right).unwrap_or(0);
            each(left, right, |l, r| {
                if r == 0 {
                    return Err(division_by_zero());
                }
                divide(l, r, shift).ok_or_else(overflow)
            })?
        }
    };
    Ok(Arc::new(computed.with_precision_and_scale(precision, scale)?))
}

struct Scales {
    left: i32,
    right: i32,
    result: i32,
}

impl Scales {
    /// Returns what brings a number of this scale to that of the result.
    fn power(&self, scale: i32) -> i128 {
        u32::try_from(self.result - scale).map_or(1, |digits| 10_i128.pow(digits.min(38)))
    }
}

fn scale_of(side: &dyn Datum) -> i32 {
    let decimals = side.get().0.as_primitive_opt::<Decimal128Type>();
    decimals.map_or(0, |decimals| decimals.scale().into())
}

/// Returns whether all results have at most 38 digits, by the types of the sides.
fn digits_fit(operation: Operation, left: &dyn Datum, right: &dyn Datum) -> bool {
    let digits = |side: &dyn Datum| Digits::of(side.get().0.data_type());
    let result = digits(left).zip(digits(right)).map(|(l, r)| operation.digits(l, r));
    result.is_some_and(Digits::fit)
}

/// Adds or subtracts what cannot overflow, the sides multiplied to the scale of the result.
fn sums(
    mut sides: Sides<'_>,
    by_left: i128,
    by_right: i128,
    negate: bool,
) -> Result<Decimal128Array, ArrowError> {
    // `1 - discount`: the one value is multiplied once, and most often that is all there is to do.
    let (by_left, by_right) = match &mut sides {
        Sides::Left(one, _) => {
            *one *= by_left;
            (1, by_right)
        }
        Sides::Right(_, one) => {
            *one *= by_right;
            (by_left, 1)
        }
        Sides::Nulls(_) | Sides::Both(..) => (by_left, by_right),
    };
    match ((by_left, by_right), negate) {
        ((1, 1), false) => each_fits(sides, |l, r| l + r),
        ((1, 1), true) => each_fits(sides, |l, r| l - r),
        (_, false) => each_fits(sides, |l, r| l * by_left + r * by_right),
        (_, true) => each_fits(sides, |l, r| l * by_left - r * by_right),
    }
}

/// Returns whether all values fit in 64 bits; most factors do.
fn is_narrow(side: &dyn Datum) -> bool {
    let decimals = side.get().0.as_primitive_opt::<Decimal128Type>();
    // No early exit: this loop is of vector instructions.
    let wide = |values: &[i128]| {
        values.iter().fold(0, |wide, value| wide | ((value >> 64) ^ ((value << 64) >> 127)))
    };
    decimals.is_some_and(|decimals| wide(decimals.values()) == 0)
}

fn fits(value: i128) -> bool {
    value.unsigned_abs() < TOO_LARGE
}

fn multiply(left: i128, right: i128, excess: u8) -> Option<i128> {
    let product = if excess == 0 {
        left.checked_mul(right)
    } else {
        let product = i256::from_i128(left).checked_mul(i256::from_i128(right))?;
        product.checked_div(power_of_ten(excess))?.to_i128()
    };
    product.filter(|product| fits(*product))
}

fn divide(left: i128, right: i128, shift: u8) -> Option<i128> {
    let narrow = 10_i128.checked_pow(shift.into()).and_then(|power| left.checked_mul(power));
    let quotient = match narrow {
        Some(shifted) => shifted.checked_div(right),
        None => {
            let shifted = i256::from_i128(left).checked_mul(power_of_ten(shift))?;
            shifted.checked_div(i256::from_i128(right))?.to_i128()
        }
    };
    quotient.filter(|quotient| fits(*quotient))
}

fn power_of_ten(exponent: u8) -> i256 {
    i256::from_i128(10).wrapping_pow(exponent.into())
}

/// Both sides of an operation, of which either may be one value for all rows.
enum Sides<'a> {
    /// One value is NULL: so are so many results.
    Nulls(usize),
    Left(i128, &'a Decimal128Array),
    Right(&'a Decimal128Array, i128),
    Both(&'a Decimal128Array, &'a Decimal128Array),
}

impl<'a> Sides<'a> {
    fn of(left: &'a dyn Datum, right: &'a dyn Datum) -> Self {
        let ((left, left_is_one), (right, right_is_one)) = (left.get(), right.get());
        let left: &Decimal128Array = left.as_primitive::<Decimal128Type>();
        let right: &Decimal128Array = right.as_primitive::<Decimal128Type>();
        match (left_is_one, right_is_one) {
            (true, false) if left.is_null(0) => Self::Nulls(right.len()),
            (false, true) if right.is_null(0) => Self::Nulls(left.len()),
            (true, false) => Self::Left(left.value(0), right),
            (false, true) => Self::Right(left, right.value(0)),
            (true, true) | (false, false) => Self::Both(left, right),
        }
    }
}

/// Applies `compute` to the values of both sides.
fn each(
    left: &dyn Datum,
    right: &dyn Datum,
    compute: impl Fn(i128, i128) -> Result<i128, ArrowError>,
) -> Result<Decimal128Array, ArrowError> {
    match Sides::of(left, right) {
        Sides::Nulls(length) => Ok(nulls(length)),
        Sides::Left(one, values) => values.try_unary(|value| compute(one, value)),
        Sides::Right(values, one) => values.try_unary(|value| compute(value, one)),
        Sides::Both(left, right) => try_binary(left, right, compute),
    }
}

/// As [`each`], of what cannot fail.
fn each_fits(
    sides: Sides<'_>,
    compute: impl Fn(i128, i128) -> i128,
) -> Result<Decimal128Array, ArrowError> {
    match sides {
        Sides::Nulls(length) => Ok(nulls(length)),
        Sides::Left(one, values) => Ok(values.unary(|value| compute(one, value))),
        Sides::Right(values, one) => Ok(values.unary(|value| compute(value, one))),
        Sides::Both(left, right) => binary(left, right, compute),
    }
}

fn nulls(length: usize) -> Decimal128Array {
    let nulls = Some(NullBuffer::new_null(length));
    Decimal128Array::new(vec![0; length].into(), nulls)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Scalar;

    use super::*;

    #[test]
    fn products_of_narrow_and_of_wide_numbers_agree() {
        let narrow = [0, 1, -1, i64::MAX.into(), i64::MIN.into(), 12_345];
        let decimals = |values: &[i128]| Decimal128Array::from(values.to_vec());
        let with_digits =
            |values: &[i128]| decimals(values).with_precision_and_scale(19, 0).unwrap();
        for factor in narrow {
            let (left, right) = (with_digits(&narrow), with_digits(&[factor; 6]));
            assert!(is_narrow(&left) && is_narrow(&right));
            let product = compute(Operation::Multiply, &left, &right, 38, 0).unwrap();
            let expected = narrow.map(|value| multiply(value, factor, 0).unwrap());
            assert_eq!(product.as_primitive::<Decimal128Type>().values().as_ref(), expected);
        }
        for wide in [i128::from(i64::MAX) + 1, i128::from(i64::MIN) - 1, 1 << 64, -1 << 64] {
            assert!(!is_narrow(&decimals(&[0, wide])), "{wide}");
        }
    }

    #[test]
    fn sums_of_few_and_of_many_digits_agree() {
        let decimals = |values: &[i128], precision, scale| {
            let decimals = Decimal128Array::from(values.to_vec());
            decimals.with_precision_and_scale(precision, scale).unwrap()
        };
        let (cents, thousandths) = ([12_345, -1, 99_999], [7, 10_000, -99_999]);
        for (operation, sign) in [(Operation::Add, 1), (Operation::Subtract, -1)] {
            let expected = [0, 1, 2].map(|row: usize| cents[row] * 10 + sign * thousandths[row]);
            for precision in [5, 38] {
                let (left, right) =
                    (decimals(&cents, precision, 2), decimals(&thousandths, precision, 3));
                assert_eq!(digits_fit(operation, &left, &right), precision == 5);
                let sum = compute(operation, &left, &right, 38, 3).unwrap();
                assert_eq!(sum.as_primitive::<Decimal128Type>().values().as_ref(), expected);
            }
            let (one, many) = (Scalar::new(decimals(&[1], 1, 0)), decimals(&thousandths, 5, 3));
            let sum = compute(operation, &one, &many, 9, 3).unwrap();
            let expected = thousandths.map(|value| 1000 + sign * value);
            assert_eq!(sum.as_primitive::<Decimal128Type>().values().as_ref(), expected);
            let sum = compute(operation, &many, &one, 9, 3).unwrap();
            let expected = thousandths.map(|value| value + sign * 1000);
            assert_eq!(sum.as_primitive::<Decimal128Type>().values().as_ref(), expected);
        }
    }

    #[test]
    fn products_and_quotients_that_do_not_fit_are_found() {
        let largest = i128::try_from(TOO_LARGE).unwrap() - 1;
        assert_eq!(multiply(largest, 1, 0), Some(largest));
        assert_eq!(multiply(largest, 2, 0), None);
        assert_eq!(multiply(largest, 10, 1), Some(largest));
        assert_eq!(divide(largest, 2, 0), Some(largest / 2));
        assert_eq!(divide(largest, 10_i128.pow(10), 10), Some(largest));
        assert_eq!(divide(largest, 1, 1), None);
        assert_eq!(divide(1000, 300, 6), Some(3_333_333));
    }
}
