//! The smallest and largest value of pieces of a column.
//!
//! A bound is a promise that rows are skipped by, so what is doubtful is left unknown (NULL):
//! floats with a NaN among them, a text whose cut maximum cannot be raised. Zero as a bound of
//! floats is -0 below and +0 above, whatever the sign of the zeros stored.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Float32Array, Float64Array,
        PrimitiveArray, StringArray, StringViewArray,
    },
    compute::{max, max_boolean, max_string_view, min, min_boolean, min_string_view},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
        Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    },
};

/// The longest text kept as a bound, in bytes.
pub(crate) const TEXT_BOUND_BYTES_MAX: usize = 64;

/// Text bounds shorter than this were never cut: cutting leaves at least this much.
const TEXT_CUT_BYTES_MIN: usize = TEXT_BOUND_BYTES_MAX - 3;

/// The bounds of each group of pieces of one column: two arrays, one value per group.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) min: ArrayRef,
    pub(crate) max: ArrayRef,
}

/// Returns the bounds of `groups` groups; each piece says which group it belongs to.
///
/// `None` for a type that has no bounds.
pub(crate) fn bounds(
    data_type: &DataType,
    groups: usize,
    pieces: &[(usize, ArrayRef)],
) -> Option<Bounds> {
    Some(match data_type {
        DataType::Boolean => booleans(groups, pieces),
        DataType::Int16 => primitives::<Int16Type>(data_type, groups, pieces),
        DataType::Int32 => primitives::<Int32Type>(data_type, groups, pieces),
        DataType::Int64 => primitives::<Int64Type>(data_type, groups, pieces),
        DataType::Decimal128(_, _) => primitives::<Decimal128Type>(data_type, groups, pieces),
        DataType::Date32 => primitives::<Date32Type>(data_type, groups, pieces),
        DataType::Time64(TimeUnit::Microsecond) => {
            primitives::<Time64MicrosecondType>(data_type, groups, pieces)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            primitives::<TimestampMicrosecondType>(data_type, groups, pieces)
        }
        DataType::Float32 => {
            let bounds = floats(groups, pieces, |array| {
                array.as_primitive::<Float32Type>().iter().flatten().map(f64::from).collect()
            });
            let cast = |bound: Option<f64>| bound.map(|bound| bound as f32);
            Bounds {
                min: Arc::new(Float32Array::from_iter(bounds.iter().map(|b| cast(b.0)))),
                max: Arc::new(Float32Array::from_iter(bounds.iter().map(|b| cast(b.1)))),
            }
        }
        DataType::Float64 => {
            let bounds = floats(groups, pieces, |array| {
                array.as_primitive::<Float64Type>().iter().flatten().collect()
            });
            Bounds {
                min: Arc::new(Float64Array::from_iter(bounds.iter().map(|b| b.0))),
                max: Arc::new(Float64Array::from_iter(bounds.iter().map(|b| b.1))),
            }
        }
        DataType::Utf8View => texts(groups, pieces),
        _ => return None,
    })
}

/// Returns whether a text bound is the value itself rather than a cut one.
pub fn is_exact_text(bound: &str) -> bool {
    bound.len() < TEXT_CUT_BYTES_MIN
}

fn smaller<T: PartialOrd>(old: Option<T>, new: Option<T>) -> Option<T> {
    match (old, new) {
        (Some(old), Some(new)) => Some(if new < old { new } else { old }),
        (old, new) => old.or(new),
    }
}

fn larger<T: PartialOrd>(old: Option<T>, new: Option<T>) -> Option<T> {
    match (old, new) {
        (Some(old), Some(new)) => Some(if new > old { new } else { old }),
        (old, new) => old.or(new),
    }
}

fn primitives<T: ArrowPrimitiveType>(
    data_type: &DataType,
    groups: usize,
    pieces: &[(usize, ArrayRef)],
) -> Bounds
where
    T::Native: PartialOrd,
{
    let mut found = vec![(None, None); groups];
    for (group, piece) in pieces {
        let piece = piece.as_primitive::<T>();
        let (low, high) = &mut found[*group];
        *low = smaller(*low, min(piece));
        *high = larger(*high, max(piece));
    }
    let array = |values: Vec<Option<T::Native>>| -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter(values).with_data_type(data_type.clone()))
    };
    Bounds {
        min: array(found.iter().map(|bound| bound.0).collect()),
        max: array(found.iter().map(|bound| bound.1).collect()),
    }
}

fn booleans(groups: usize, pieces: &[(usize, ArrayRef)]) -> Bounds {
    let mut found = vec![(None, None); groups];
    for (group, piece) in pieces {
        let piece = piece.as_boolean();
        let (low, high) = &mut found[*group];
        *low = smaller(*low, min_boolean(piece));
        *high = larger(*high, max_boolean(piece));
    }
    Bounds {
        min: Arc::new(BooleanArray::from_iter(found.iter().map(|bound| bound.0))),
        max: Arc::new(BooleanArray::from_iter(found.iter().map(|bound| bound.1))),
    }
}

fn floats(
    groups: usize,
    pieces: &[(usize, ArrayRef)],
    values: impl Fn(&dyn Array) -> Vec<f64>,
) -> Vec<(Option<f64>, Option<f64>)> {
    let mut found = vec![(None, None); groups];
    let mut doubtful = vec![false; groups];
    for (group, piece) in pieces {
        for value in values(piece.as_ref()) {
            doubtful[*group] |= value.is_nan();
            found[*group].0 = smaller(found[*group].0, Some(value));
            found[*group].1 = larger(found[*group].1, Some(value));
        }
    }
    let settle = |((low, high), doubtful): ((Option<f64>, Option<f64>), bool)| {
        if doubtful {
            return (None, None);
        }
        let low = low.map(|low| if low == 0.0 { -0.0 } else { low });
        let high = high.map(|high| if high == 0.0 { 0.0 } else { high });
        (low, high)
    };
    found.into_iter().zip(doubtful).map(settle).collect()
}

fn texts(groups: usize, pieces: &[(usize, ArrayRef)]) -> Bounds {
    let mut found: Vec<(Option<&str>, Option<&str>)> = vec![(None, None); groups];
    for (group, piece) in pieces {
        let piece: &StringViewArray = piece.as_string_view();
        let (low, high) = &mut found[*group];
        *low = smaller(*low, min_string_view(piece));
        *high = larger(*high, max_string_view(piece));
    }
    Bounds {
        min: Arc::new(StringArray::from_iter(found.iter().map(|bound| bound.0.map(cut)))),
        max: Arc::new(StringArray::from_iter(found.iter().map(|bound| bound.1.and_then(cut_up)))),
    }
}

/// Returns a prefix: at most as large as the text.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BOUND_BYTES_MAX)]
}

/// Returns a text that is short and at least as large.
///
/// A longer text is cut and its last character that can be raised is raised.
fn cut_up(text: &str) -> Option<String> {
    let prefix = cut(text);
    if prefix.len() == text.len() {
        return Some(text.to_owned());
    }
    let (at, last) = prefix.char_indices().next_back()?;
    // Keeps the length, so that a cut bound is always long; a rare failure leaves it unknown.
    let raised = char::from_u32(u32::from(last) + 1)?;
    if raised.len_utf8() != last.len_utf8() {
        return None;
    }
    Some(format!("{}{raised}", &prefix[..at]))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, StringViewArray};

    use super::*;

    fn text(value: &str) -> (String, Option<String>) {
        let piece = Arc::new(StringViewArray::from(vec![value])) as ArrayRef;
        let bounds = bounds(&DataType::Utf8View, 1, &[(0, piece)]).unwrap();
        let (min, max) = (bounds.min.as_string::<i32>(), bounds.max.as_string::<i32>());
        (min.value(0).to_owned(), max.is_valid(0).then(|| max.value(0).to_owned()))
    }

    #[test]
    fn text_bounds_are_cut_and_still_bounds() {
        let long = "a".repeat(63) + "ä" + "tail";
        let (min, max) = text(&long);
        assert_eq!(min, "a".repeat(63));
        assert_eq!(max.as_deref(), Some(("a".repeat(62) + "b").as_str()));
        assert!(min.as_str() <= long.as_str() && long.as_str() <= max.unwrap().as_str());
        assert!(!is_exact_text(&min));
        assert_eq!(text("short"), ("short".to_owned(), Some("short".to_owned())));
        // The last character has no successor of its length: unknown, not wrong.
        assert_eq!(text(&"\u{7f}".repeat(100)).1, None);
        assert_eq!(text(&"\u{10ffff}".repeat(100)).1, None);
    }

    #[test]
    fn a_nan_makes_float_bounds_unknown_and_zero_covers_both_signs() {
        let pieces = [
            (0, Arc::new(Float64Array::from(vec![1.0, f64::NAN])) as ArrayRef),
            (1, Arc::new(Float64Array::from(vec![Some(0.0), None])) as ArrayRef),
        ];
        let bounds = bounds(&DataType::Float64, 3, &pieces).unwrap();
        let (min, max) =
            (bounds.min.as_primitive::<Float64Type>(), bounds.max.as_primitive::<Float64Type>());
        assert!(min.is_null(0) && max.is_null(0) && min.is_null(2));
        assert!(min.value(1).is_sign_negative() && max.value(1).is_sign_positive());
    }

    #[test]
    fn pieces_of_a_group_are_merged() {
        let pieces = [
            (0, Arc::new(Int32Array::from(vec![Some(3), None])) as ArrayRef),
            (0, Arc::new(Int32Array::from(vec![Some(-1)])) as ArrayRef),
            (1, Arc::new(Int32Array::from(vec![None::<i32>])) as ArrayRef),
        ];
        let bounds = bounds(&DataType::Int32, 2, &pieces).unwrap();
        assert_eq!(bounds.min.as_primitive::<Int32Type>(), &Int32Array::from(vec![Some(-1), None]));
        assert_eq!(bounds.max.as_primitive::<Int32Type>(), &Int32Array::from(vec![Some(3), None]));
    }
}
