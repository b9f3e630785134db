//! Puts the rows of a run in the order of the sort key: ascending, NULLs last, as Redshift does; by a
//! Z-order curve where the key is interleaved.

use std::cmp::Ordering;

use arrow::{
    array::{ArrayRef, DynComparator, RecordBatch, make_comparator},
    compute::{SortOptions, concat, interleave_record_batch, sort_to_indices},
    error::ArrowError,
    row::{RowConverter, SortField},
};

use super::z_order::z_ordered_rows;

/// Ascending, NULLs last.
pub const SORT_OPTIONS: SortOptions = SortOptions { descending: false, nulls_first: false };

/// Rows of a batch that sorting makes.
const SORTED_BATCH_ROWS: usize = 65_536;

/// The order of the rows of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowOrder {
    /// The columns of the sort key, most significant first.
    pub columns: Vec<usize>,
    /// All columns have the same weight.
    pub is_interleaved: bool,
}

/// Returns the rows in order; the batches themselves if they are in order already.
pub(crate) fn sort_batches(
    batches: Vec<RecordBatch>,
    order: &RowOrder,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let columns = order.columns.as_slice();
    if columns.is_empty() || batches.is_empty() {
        return Ok(batches);
    }
    let keys = columns
        .iter()
        .map(|&column| {
            let parts = batches.iter().map(|batch| batch.column(column).as_ref());
            concat(&parts.collect::<Vec<_>>())
        })
        .collect::<Result<Vec<_>, _>>()?;
    let order = if order.is_interleaved {
        z_ordered_rows(&keys)?
    } else if is_sorted(&keys)? {
        return Ok(batches);
    } else {
        sorted_rows(&keys)?
    };
    drop(keys);
    let places = places(&batches);
    let parts = batches.iter().collect::<Vec<_>>();
    order
        .chunks(SORTED_BATCH_ROWS)
        .map(|rows| {
            let rows = rows.iter().map(|&row| places[row as usize]).collect::<Vec<_>>();
            interleave_record_batch(&parts, &rows)
        })
        .collect()
}

/// Stops at the first row that is out of order, so that unsorted rows cost next to nothing.
fn is_sorted(keys: &[ArrayRef]) -> Result<bool, ArrowError> {
    let comparators = keys
        .iter()
        .map(|key| make_comparator(key.as_ref(), key.as_ref(), SORT_OPTIONS))
        .collect::<Result<Vec<DynComparator>, _>>()?;
    let rows = keys.first().map_or(0, |key| key.len());
    Ok((1..rows).all(|row| {
        let order = comparators
            .iter()
            .map(|compare| compare(row - 1, row))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
        order.is_le()
    }))
}

fn sorted_rows(keys: &[ArrayRef]) -> Result<Vec<u32>, ArrowError> {
    if let [key] = keys {
        return Ok(sort_to_indices(key, Some(SORT_OPTIONS), None)?.values().to_vec());
    }
    let fields = keys
        .iter()
        .map(|key| SortField::new_with_options(key.data_type().clone(), SORT_OPTIONS))
        .collect();
    let rows = RowConverter::new(fields)?.convert_columns(keys)?;
    let mut order = (0..u32::try_from(rows.num_rows()).unwrap_or(u32::MAX)).collect::<Vec<_>>();
    order.sort_unstable_by(|&a, &b| rows.row(a as usize).cmp(&rows.row(b as usize)));
    Ok(order)
}

/// Returns batch and row of every row of all batches.
fn places(batches: &[RecordBatch]) -> Vec<(usize, usize)> {
    let each = batches.iter().enumerate();
    each.flat_map(|(index, batch)| (0..batch.num_rows()).map(move |row| (index, row))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{AsArray, Int32Array, StringViewArray},
        datatypes::{DataType, Field, Int32Type, Schema},
    };

    use super::*;

    fn batch(numbers: &[Option<i32>], texts: &[&str]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int32, true),
            Field::new("t", DataType::Utf8View, false),
        ]);
        let numbers = Arc::new(Int32Array::from(numbers.to_vec()));
        let texts = Arc::new(StringViewArray::from(texts.to_vec()));
        RecordBatch::try_new(Arc::new(schema), vec![numbers, texts]).unwrap()
    }

    fn rows(batches: &[RecordBatch]) -> Vec<(Option<i32>, String)> {
        let mut rows = Vec::new();
        for batch in batches {
            let numbers = batch.column(0).as_primitive::<Int32Type>().iter();
            let texts = batch.column(1).as_string_view().iter();
            rows.extend(numbers.zip(texts).map(|(n, t)| (n, t.unwrap_or_default().to_owned())));
        }
        rows
    }

    #[test]
    fn rows_are_sorted_with_nulls_last() {
        let batches = || {
            vec![
                batch(&[Some(3), None, Some(1)], &["c", "z", "b"]),
                batch(&[Some(1), Some(2)], &["a", "q"]),
            ]
        };
        let row = |n, t: &str| (n, t.to_owned());
        let by = |columns: &[usize]| RowOrder { columns: columns.to_vec(), is_interleaved: false };
        let by_both = sort_batches(batches(), &by(&[0, 1])).unwrap();
        let expected = [
            row(Some(1), "a"),
            row(Some(1), "b"),
            row(Some(2), "q"),
            row(Some(3), "c"),
            row(None, "z"),
        ];
        assert_eq!(rows(&by_both), expected);
        let by_one = sort_batches(batches(), &by(&[0])).unwrap();
        assert_eq!(rows(&by_one).last(), Some(&row(None, "z")));
    }

    #[test]
    fn sorted_rows_are_left_as_they_are() {
        let batches = vec![batch(&[Some(1), Some(1)], &["a", "b"]), batch(&[None], &["a"])];
        let order = RowOrder { columns: vec![0, 1], is_interleaved: false };
        let sorted = sort_batches(batches.clone(), &order).unwrap();
        assert_eq!(sorted, batches);
    }
}
