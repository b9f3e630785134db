//! The order of an interleaved sort key: a Z-order curve over the ranks of the values, so that every column of
//! the key has the same weight, and blocks can be skipped by any of them.
//!
//! ```text
//!  ranks within the run, as so many bits       a1 a0   b1 b0
//!  interleaved, the most significant first  ─▶ a1 b1 a0 b0
//! ```
//!
//! Ranks, not values: skewed values, and values that begin alike, are spread as well as others. They are of
//! one run, which is why runs of such a table are not in order with each other, and need no REINDEX.

use std::cmp::Ordering;

use arrow::{
    array::{ArrayRef, make_comparator},
    compute::sort_to_indices,
    error::ArrowError,
};

use super::sort::SORT_OPTIONS;

/// Bits of a rank, at most: more than any run has blocks.
const RANK_BITS_MAX: usize = 16;

/// Returns the rows in the order of the curve; rows that lie at one place of it keep theirs.
pub(super) fn z_ordered_rows(keys: &[ArrayRef]) -> Result<Vec<u32>, ArrowError> {
    let bits = RANK_BITS_MAX.min(64 / keys.len().max(1));
    let row_count = keys.first().map_or(0, |key| key.len());
    let mut places = vec![0_u64; row_count];
    for (column, key) in keys.iter().enumerate() {
        for (place, rank) in places.iter_mut().zip(ranks(key, bits)?) {
            *place |= spread(rank, keys.len()) << (keys.len() - 1 - column);
        }
    }
    let mut order = (0..u32::try_from(row_count).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    order.sort_by_key(|row| places[*row as usize]);
    Ok(order)
}

/// Returns the rank of every value in so many bits; equal values have one rank.
fn ranks(key: &ArrayRef, bits: usize) -> Result<Vec<u64>, ArrowError> {
    let sorted = sort_to_indices(key, Some(SORT_OPTIONS), None)?;
    let compare = make_comparator(key.as_ref(), key.as_ref(), SORT_OPTIONS)?;
    let mut ranks = vec![0_u64; key.len()];
    let (mut rank, mut before) = (0_u64, None);
    for (position, row) in (0_u64..).zip(sorted.values()) {
        let row = *row as usize;
        if before.is_some_and(|before| compare(before, row) != Ordering::Equal) {
            rank = position;
        }
        ranks[row] = rank;
        before = Some(row);
    }
    // By the place among all rows: so many rows have each leading bit as have it not.
    let count = key.len().max(1) as u64;
    Ok(ranks.into_iter().map(|rank| (rank << bits) / count).collect())
}

/// Puts the bits of a rank `step` places apart.
fn spread(rank: u64, step: usize) -> u64 {
    (0..RANK_BITS_MAX).fold(0, |spread, bit| {
        let place = bit * step;
        if place < 64 { spread | ((rank >> bit & 1) << place) } else { spread }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn four_rows_of_two_columns_make_a_z() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 900, 900]));
        let b: ArrayRef = Arc::new(StringViewArray::from(vec!["y", "x", "y", "x"]));
        assert_eq!(z_ordered_rows(&[a, b]).unwrap(), [1, 0, 3, 2]);
    }

    #[test]
    fn one_column_is_in_its_own_order_and_nulls_come_last() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(-5), Some(7)]));
        assert_eq!(z_ordered_rows(&[a]).unwrap(), [2, 0, 3, 1]);
        assert!(z_ordered_rows(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_quarter_of_the_rows_has_a_half_of_the_values_of_each_column() {
        // 64 x 64 values, the first column skewed: equal ranks either way.
        let rows: i64 = 4096;
        let a: Vec<i64> = (0..rows).map(|row| (row / 64).pow(3)).collect();
        let b: Vec<i64> = (0..rows).map(|row| row % 64).collect();
        let keys: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(a.clone())), Arc::new(Int64Array::from(b.clone()))];
        let order = z_ordered_rows(&keys).unwrap();
        for quarter in order.chunks(1024) {
            let extent = |values: &[i64]| {
                let values = quarter.iter().map(|row| values[*row as usize]);
                let distinct: std::collections::BTreeSet<i64> = values.collect();
                distinct.len()
            };
            assert_eq!((extent(&a), extent(&b)), (32, 32));
        }
    }
}
