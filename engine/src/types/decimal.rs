//! Precision and scale of what is computed from DECIMALs: "Computations with numeric values" of
//! Redshift's documentation.
//!
//! | operation | scale                    | precision                         |
//! |-----------|--------------------------|-----------------------------------|
//! | + −       | max(s1, s2)              | max(p1 − s1, p2 − s2) + 1 + scale |
//! | ×         | s1 + s2                  | p1 + p2 + 1                       |
//! | ÷         | max(4, s1 + p2 − s2 + 1) | p1 − s1 + s2 + scale              |
//!
//! A precision above 38 is cut to 38; a quotient gives up digits of its scale for that, down to 4.

use arrow::datatypes::DataType;

use super::DECIMAL_PRECISION_MAX;

/// The largest scale that an Arrow decimal of 128 bits has.
const SCALE_MAX: i32 = 38;
/// The least scale of a quotient.
const QUOTIENT_SCALE_MIN: i32 = 4;

/// Digits of a DECIMAL: in all, and after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// In all; more than 38 where a computed value may not fit.
    pub precision: i32,
    /// After the point.
    pub scale: i32,
}

impl Digits {
    /// Returns the digits of a DECIMAL, or of the DECIMAL that an integer is cast to beside one.
    pub fn of(data_type: &DataType) -> Option<Self> {
        let (precision, scale) = match data_type {
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => (5, 0),
            DataType::UInt16 | DataType::Int32 => (10, 0),
            DataType::UInt32 | DataType::Int64 => (19, 0),
            DataType::UInt64 => (20, 0),
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale) => (i32::from(*precision), i32::from(*scale)),
            _ => return None,
        };
        Some(Self { precision, scale })
    }

    /// Returns the digits of a sum or a difference.
    pub fn sum(self, other: Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { precision: self.whole().max(other.whole()) + 1 + scale, scale }
    }

    /// Returns the digits of a product.
    pub fn product(self, other: Self) -> Self {
        Self { precision: self.precision + other.precision + 1, scale: self.scale + other.scale }
    }

    /// Returns the digits of a quotient.
    pub fn quotient(self, divisor: Self) -> Self {
        let scale = QUOTIENT_SCALE_MIN.max(self.scale + divisor.precision - divisor.scale + 1);
        let precision = self.whole() + divisor.scale + scale;
        let excess = precision - i32::from(DECIMAL_PRECISION_MAX);
        if excess <= 0 {
            return Self { precision, scale };
        }
        let scale = (scale - excess).max(QUOTIENT_SCALE_MIN);
        Self { precision: i32::from(DECIMAL_PRECISION_MAX), scale }
    }

    /// Digits before the point.
    fn whole(self) -> i32 {
        self.precision - self.scale
    }

    /// Returns whether every value of that many digits is a DECIMAL.
    pub fn fit(self) -> bool {
        self.precision <= i32::from(DECIMAL_PRECISION_MAX) && self.scale <= SCALE_MAX
    }

    /// Returns the Arrow type: DECIMAL of as many digits as there can be.
    pub fn arrow(self) -> DataType {
        let precision = self.precision.clamp(1, i32::from(DECIMAL_PRECISION_MAX));
        let scale = self.scale.clamp(0, SCALE_MAX);
        DataType::Decimal128(
            u8::try_from(precision).unwrap_or(DECIMAL_PRECISION_MAX),
            i8::try_from(scale).unwrap_or(i8::MAX),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn digits(precision: i32, scale: i32) -> Digits {
        Digits { precision, scale }
    }

    #[test]
    fn the_examples_of_the_documentation_hold() {
        // PRICEPAID / COMMISSION, both DECIMAL(8,2).
        assert_eq!(digits(8, 2).quotient(digits(8, 2)), digits(17, 9));
        assert_eq!(digits(8, 2).product(digits(5, 0)), digits(14, 2));
        assert_eq!(digits(8, 2).sum(digits(10, 0)), digits(13, 2));
    }

    #[test]
    fn a_quotient_gives_up_scale_for_precision() {
        // Scale 11 and precision 49: 38 + 11 - 49 = 0, at least 4.
        assert_eq!(digits(38, 0).quotient(digits(10, 0)), digits(38, 4));
        // Scale 22 and precision 42: 38 + 22 - 42 = 18.
        assert_eq!(digits(22, 2).quotient(digits(19, 0)), digits(38, 18));
    }

    #[test]
    fn only_products_that_may_not_fit_are_too_wide() {
        assert!(digits(15, 2).product(digits(16, 2)).fit());
        assert!(!digits(32, 4).product(digits(16, 2)).fit());
        assert_eq!(digits(49, 6).arrow(), DataType::Decimal128(38, 6));
    }
}
