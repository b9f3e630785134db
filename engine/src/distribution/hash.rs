//! The one hash that decides which slice owns a row. **Stored data depends on it: it never
//! changes; a new one gets a new [`HASH_VERSION`].**
//!
//! Equal values hash equal whatever their type's width or scale, so that INTEGER = BIGINT and
//! DECIMAL(10,2) = DECIMAL(18,4) joins stay on their slice:
//!
//! | type                    | what is hashed                                              |
//! |-------------------------|-------------------------------------------------------------|
//! | integers, BOOLEAN       | the value as 8 bytes, little-endian                          |
//! | DATE                    | days since 1970 as 8 bytes                                   |
//! | TIME, TIMESTAMP(TZ)     | microseconds as 8 bytes                                      |
//! | DECIMAL                 | trailing zeros removed; a whole number in 64 bits as an integer, else value as 16 bytes and scale as 1 |
//! | REAL, DOUBLE PRECISION  | the 8 bytes of the double; -0 as 0, one NaN                   |
//! | CHAR, VARCHAR           | the bytes without trailing blanks                            |
//! | NULL                    | nothing: [`NULL_HASH`]                                       |

use arrow::{
    array::{Array, ArrayAccessor, AsArray, PrimitiveArray},
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type,
        Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
        TimeUnit, TimestampMicrosecondType,
    },
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::DistributionError;

/// Which definition of the hash this is.
pub const HASH_VERSION: u32 = 1;

/// The hash of NULL.
pub const NULL_HASH: u64 = 0;

const SEED: u64 = 0x426c_7565_5368_6674;

/// Returns the hash of every value of `array`.
pub fn hash_array(array: &dyn Array) -> Result<Vec<u64>, DistributionError> {
    Ok(match array.data_type() {
        DataType::Null => vec![NULL_HASH; array.len()],
        DataType::Boolean => {
            let array = array.as_boolean();
            hash_values(array, |value| hash_integer(i64::from(value)))
        }
        DataType::Int8 => integers::<Int8Type>(array.as_primitive()),
        DataType::Int16 => integers::<Int16Type>(array.as_primitive()),
        DataType::Int32 => integers::<Int32Type>(array.as_primitive()),
        DataType::Int64 => integers::<Int64Type>(array.as_primitive()),
        DataType::Date32 => integers::<Date32Type>(array.as_primitive()),
        DataType::Time64(TimeUnit::Microsecond) => {
            integers::<Time64MicrosecondType>(array.as_primitive())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            integers::<TimestampMicrosecondType>(array.as_primitive())
        }
        DataType::Decimal32(_, scale) => {
            hash_values(array.as_primitive::<Decimal32Type>(), |value| {
                hash_decimal(i128::from(value), *scale)
            })
        }
        DataType::Decimal64(_, scale) => {
            hash_values(array.as_primitive::<Decimal64Type>(), |value| {
                hash_decimal(i128::from(value), *scale)
            })
        }
        DataType::Decimal128(_, scale) => {
            hash_values(array.as_primitive::<Decimal128Type>(), |value| hash_decimal(value, *scale))
        }
        DataType::Float32 => {
            hash_values(array.as_primitive::<Float32Type>(), |value| hash_float(f64::from(value)))
        }
        DataType::Float64 => hash_values(array.as_primitive::<Float64Type>(), hash_float),
        DataType::Utf8 => hash_values(array.as_string::<i32>(), hash_text),
        DataType::LargeUtf8 => hash_values(array.as_string::<i64>(), hash_text),
        DataType::Utf8View => hash_values(array.as_string_view(), hash_text),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let hashes = hash_array(dictionary.values().as_ref())?;
            let keys = dictionary.normalized_keys();
            (0..array.len())
                .map(|row| if array.is_null(row) { NULL_HASH } else { hashes[keys[row]] })
                .collect()
        }
        other => return Err(DistributionError::UnsupportedKey(other.clone())),
    })
}

/// Returns the hash of an integer, a date's days or a time's microseconds.
pub fn hash_integer(value: i64) -> u64 {
    xxh3_64_with_seed(&value.to_le_bytes(), SEED)
}

/// Returns the hash of a decimal.
pub fn hash_decimal(unscaled: i128, scale: i8) -> u64 {
    let (unscaled, scale) = match i64::try_from(unscaled) {
        Ok(narrow) => {
            let (narrow, scale) = strip_zeros_64(narrow, scale);
            (i128::from(narrow), scale)
        }
        Err(_) => strip_zeros_128(unscaled, scale),
    };
    if scale == 0
        && let Ok(integer) = i64::try_from(unscaled)
    {
        return hash_integer(integer);
    }
    let mut bytes = [0_u8; 17];
    bytes[..16].copy_from_slice(&unscaled.to_le_bytes());
    bytes[16] = scale.to_le_bytes()[0];
    xxh3_64_with_seed(&bytes, SEED)
}

/// Returns the hash of a float.
pub fn hash_float(value: f64) -> u64 {
    let canonical = if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    };
    // One more byte than an integer, so that a double and the integer of its bits differ.
    let mut bytes = [0_u8; 9];
    bytes[..8].copy_from_slice(&canonical.to_bits().to_le_bytes());
    bytes[8] = 0xf6;
    xxh3_64_with_seed(&bytes, SEED)
}

/// Returns the hash of a text.
pub fn hash_text(value: &str) -> u64 {
    xxh3_64_with_seed(value.trim_end_matches(' ').as_bytes(), SEED)
}

/// Removes trailing zeros after the point; a negative scale is multiplied out where it fits.
fn strip_zeros_64(mut value: i64, mut scale: i8) -> (i64, i8) {
    if value == 0 {
        return (0, 0);
    }
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    while scale < 0
        && let Some(larger) = value.checked_mul(10)
    {
        value = larger;
        scale += 1;
    }
    (value, scale)
}

fn strip_zeros_128(mut value: i128, mut scale: i8) -> (i128, i8) {
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    (value, scale)
}

fn integers<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Vec<u64>
where
    T::Native: Into<i64>,
{
    hash_values(array, |value: T::Native| hash_integer(value.into()))
}

fn hash_values<A: ArrayAccessor>(array: A, hash: impl Fn(A::Item) -> u64) -> Vec<u64> {
    let rows = 0..array.len();
    if array.null_count() == 0 {
        return rows.map(|row| hash(array.value(row))).collect();
    }
    rows.map(|row| if array.is_null(row) { NULL_HASH } else { hash(array.value(row)) }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int16Array, Int32Array, Int64Array, StringArray, StringViewArray,
    };

    use super::*;

    fn hashes(array: impl Array) -> Vec<u64> {
        hash_array(&array).unwrap()
    }

    #[test]
    fn equal_values_of_different_types_hash_equal() {
        let expected = hashes(Int64Array::from(vec![Some(1), Some(-5), None, Some(42)]));
        assert_eq!(hashes(Int32Array::from(vec![Some(1), Some(-5), None, Some(42)])), expected);
        assert_eq!(hashes(Int16Array::from(vec![Some(1), Some(-5), None, Some(42)])), expected);
        let decimal = |values: [Option<i128>; 4], scale| {
            Decimal128Array::from(values.to_vec()).with_precision_and_scale(30, scale).unwrap()
        };
        let two = decimal([Some(100), Some(-500), None, Some(4200)], 2);
        let nine =
            decimal([Some(1_000_000_000), Some(-5_000_000_000), None, Some(42_000_000_000)], 9);
        assert_eq!(hashes(two), expected);
        assert_eq!(hashes(nine), expected);
        assert_eq!(hash_decimal(125, 2), hash_decimal(12_500_000_000_000_000_000_000_000, 25));
        assert_eq!(hash_decimal(5, -2), hash_integer(500));
        assert_eq!(
            hashes(Float32Array::from(vec![1.5, -0.0])),
            hashes(Float64Array::from(vec![1.5, 0.0]))
        );
        let text = hashes(StringArray::from(vec!["a", "", "long text of more than twelve"]));
        assert_eq!(
            hashes(StringViewArray::from(vec!["a  ", "  ", "long text of more than twelve "])),
            text
        );
        let dictionary: DictionaryArray<Int32Type> =
            vec!["a", "", "long text of more than twelve"].into_iter().collect();
        assert_eq!(hash_array(&(Arc::new(dictionary) as ArrayRef)).unwrap(), text);
    }

    #[test]
    fn the_hash_never_changes() {
        // Stored tables are laid out by these very numbers.
        assert_eq!(
            [
                hash_integer(0),
                hash_integer(1),
                hash_integer(-1),
                hash_integer(i64::MAX),
                hash_decimal(125, 2),
                hash_decimal(i128::MAX, 0),
                hash_float(0.0),
                hash_float(1.5),
                hash_float(f64::NAN),
                hash_text(""),
                hash_text("a"),
                hash_text("Customer#000000001"),
                hashes(Date32Array::from(vec![8035]))[0],
            ],
            GOLDEN
        );
    }

    const GOLDEN: [u64; 13] = [
        296_447_553_794_919_615,
        3_477_657_569_426_962_378,
        13_304_014_701_790_334_212,
        7_837_804_640_362_634_080,
        15_067_449_037_515_871_021,
        11_140_116_892_372_285_439,
        10_973_486_552_259_449_091,
        2_905_933_093_361_869_757,
        9_396_333_296_771_556_017,
        15_488_271_625_343_529_345,
        5_782_544_139_726_151_895,
        11_053_194_110_456_709_949,
        10_984_555_954_104_780_431,
    ];
}
