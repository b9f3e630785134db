//! Deals rows out to slices.

use arrow::{
    array::{Array as _, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array},
    compute::take,
    datatypes::DataType,
};

use super::{DistributionError, hash_array};
use crate::{chance::random_below, ids::SliceId};

/// How many rows EVEN gives to one slice before it turns to the next.
///
/// Large enough that a slice's rows stay in long runs, small enough that slices differ by little.
const EVEN_CHUNK_ROWS: usize = 8_192;

/// How the rows of a table go to slices, with the key as a position in its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowDistribution {
    /// In turn over all slices.
    Even,
    /// By the hash of this column.
    Key(usize),
    /// One copy, on slice 0.
    All,
}

/// Deals the rows of one load out to slices.
#[derive(Debug)]
pub struct SliceRouter {
    distribution: RowDistribution,
    /// EVEN: the rows each slice was given; the one with the fewest is next.
    rows: Vec<u64>,
    /// EVEN: where the search for the fewest starts, so that small loads do not all go to slice 0.
    first: usize,
}

impl SliceRouter {
    /// Returns a router over `slice_count` slices.
    pub fn new(distribution: RowDistribution, slice_count: u32) -> Self {
        let slice_count = usize::try_from(slice_count).unwrap_or(1).max(1);
        Self { distribution, rows: vec![0; slice_count], first: random_below(slice_count) }
    }

    /// Splits a batch; no part is empty, and rows keep their order within a slice.
    pub fn route(
        &mut self,
        batch: &RecordBatch,
    ) -> Result<Vec<(SliceId, RecordBatch)>, DistributionError> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        match self.distribution {
            RowDistribution::All => Ok(vec![(SliceId(0), batch.clone())]),
            _ if self.rows.len() == 1 => Ok(vec![(SliceId(0), batch.clone())]),
            RowDistribution::Even => Ok(self.deal(batch)),
            RowDistribution::Key(column) => {
                let key = batch.columns().get(column).ok_or(DistributionError::NoSuchColumn {
                    column,
                    columns: batch.num_columns(),
                })?;
                by_hash(batch, key, self.rows.len())
            }
        }
    }

    fn deal(&mut self, batch: &RecordBatch) -> Vec<(SliceId, RecordBatch)> {
        let mut parts = Vec::new();
        let mut offset = 0;
        while offset < batch.num_rows() {
            let length = EVEN_CHUNK_ROWS.min(batch.num_rows() - offset);
            let slice = self.emptiest();
            self.rows[slice] += length as u64;
            parts.push((slice_id(slice), batch.slice(offset, length)));
            offset += length;
        }
        parts
    }

    fn emptiest(&self) -> usize {
        let count = self.rows.len();
        (0..count)
            .map(|step| (self.first + step) % count)
            .min_by_key(|&slice| self.rows[slice])
            .unwrap_or(0)
    }
}

/// Returns the slice that a key's hash belongs to.
pub fn slice_of_hash(hash: u64, slice_count: u32) -> SliceId {
    SliceId(u32::try_from(hash % u64::from(slice_count.max(1))).unwrap_or(0))
}

fn by_hash(
    batch: &RecordBatch,
    key: &ArrayRef,
    slice_count: usize,
) -> Result<Vec<(SliceId, RecordBatch)>, DistributionError> {
    let hashes = hash_array(key.as_ref())?;
    let expected = hashes.len() / slice_count;
    let mut rows = vec![Vec::with_capacity(expected + expected / 8 + 8); slice_count];
    for (row, hash) in (0_u32..).zip(hashes) {
        rows[usize::try_from(hash % slice_count as u64).unwrap_or(0)].push(row);
    }
    let mut parts = Vec::with_capacity(slice_count);
    for (slice, rows) in rows.into_iter().enumerate() {
        if rows.is_empty() {
            continue;
        }
        if rows.len() == batch.num_rows() {
            return Ok(vec![(slice_id(slice), batch.clone())]);
        }
        parts.push((slice_id(slice), take_rows(batch, &UInt32Array::from(rows))?));
    }
    Ok(parts)
}

/// Returns the given rows in arrays of their own: text too is copied, so that a slice's rows do
/// not keep the whole batch in memory.
fn take_rows(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch, DistributionError> {
    let columns = batch.columns().iter().map(|column| {
        let taken = take(column.as_ref(), rows, None)?;
        Ok(match taken.data_type() {
            DataType::Utf8View => std::sync::Arc::new(taken.as_string_view().gc()) as ArrayRef,
            _ => taken,
        })
    });
    let columns = columns.collect::<Result<Vec<_>, DistributionError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

fn slice_id(slice: usize) -> SliceId {
    SliceId(u32::try_from(slice).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use arrow::{
        array::{Int32Array, StringViewArray},
        datatypes::{Field, Schema},
    };

    use super::*;

    fn batch(rows: i32) -> RecordBatch {
        let keys = Int32Array::from_iter((0..rows).map(|row| (row % 11 != 0).then_some(row % 97)));
        let text = StringViewArray::from_iter_values(
            (0..rows).map(|row| format!("a text of some length {row}")),
        );
        let schema = Schema::new(vec![
            Field::new("k", DataType::Int32, true),
            Field::new("t", DataType::Utf8View, false),
        ]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(keys), Arc::new(text)]).unwrap()
    }

    #[test]
    fn equal_keys_go_to_one_slice_and_no_row_is_lost() {
        let mut router = SliceRouter::new(RowDistribution::Key(0), 3);
        let mut owner = HashMap::new();
        let mut rows = 0;
        for _ in 0..2 {
            for (slice, part) in router.route(&batch(1_000)).unwrap() {
                rows += part.num_rows();
                for key in part.column(0).as_primitive::<arrow::datatypes::Int32Type>() {
                    assert_eq!(*owner.entry(key).or_insert(slice), slice);
                }
            }
        }
        assert_eq!(rows, 2_000);
        assert_eq!(owner[&None], SliceId(0));
    }

    #[test]
    fn even_keeps_slices_within_a_chunk_of_each_other() {
        let mut router = SliceRouter::new(RowDistribution::Even, 4);
        let mut rows = [0; 4];
        for count in [1, 20_000, 300, 100_000, 8_191] {
            for (slice, part) in router.route(&batch(count)).unwrap() {
                rows[slice.0 as usize] += part.num_rows();
            }
        }
        assert_eq!(rows.iter().sum::<usize>(), 128_492);
        assert!(rows.iter().max().unwrap() - rows.iter().min().unwrap() <= EVEN_CHUNK_ROWS);
    }

    #[test]
    fn all_is_one_copy() {
        let mut router = SliceRouter::new(RowDistribution::All, 4);
        let parts = router.route(&batch(10)).unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].0, parts[0].1.num_rows()), (SliceId(0), 10));
    }
}
