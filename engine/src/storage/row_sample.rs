//! A sample of rows that arrive in batches, in their order: small numbers of rows whole, of more a bounded part.
//!
//! ```text
//!  step 4:  │· ×· ·│· · ·×│×· · ·│      one row of every four, at random
//!  step 8:  │· ×· · · · · ·│×· · …      too many: of every two that were kept one stays
//! ```
//!
//! Rows at fixed distances would hide what repeats itself at the same distance.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray, UInt64Array},
    compute::{filter_record_batch, take_record_batch},
    datatypes::DataType,
    error::ArrowError,
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::sort::{RowOrder, sort_batches};

/// Rows that say enough of any number of rows: for a histogram of 64 buckets what PostgreSQL takes for 100.
pub const SAMPLE_ROWS_MAX: usize = 30_000;
/// Texts are cut to so many bytes: what differs later counts as the same value.
const TEXT_BYTES_MAX: usize = 128;
/// Two runs over the same rows see the same sample.
const SEED: u64 = 0x5eed;

/// Rows that were drawn from all that were added.
#[derive(Debug)]
pub struct RowSample {
    rows_max: usize,
    /// One of so many rows is kept: a power of two.
    step: u64,
    /// Rows that were added.
    seen: u64,
    /// Stretches of `step` rows of which one is kept; the next row to keep is in the one after them.
    stretches: u64,
    /// The number of the next row to keep.
    next: u64,
    random: StdRng,
    rows: Vec<RecordBatch>,
    kept: usize,
    /// Per column: bytes of the texts that were ever kept, uncut.
    text_bytes: Vec<u64>,
    ever_kept: u64,
}

impl RowSample {
    /// Returns an empty sample of at most `rows_max` rows.
    pub fn new(rows_max: usize) -> Self {
        Self {
            rows_max: rows_max.max(1),
            step: 1,
            seen: 0,
            stretches: 0,
            next: 0,
            random: StdRng::seed_from_u64(SEED),
            rows: Vec::new(),
            kept: 0,
            text_bytes: Vec::new(),
            ever_kept: 0,
        }
    }

    /// Adds rows.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let rows = batch.num_rows() as u64;
        while self.kept as u64 + rows / self.step > self.rows_max as u64 {
            self.thin()?;
        }
        let end = self.seen + rows;
        let mut picked = Vec::new();
        while self.next < end {
            picked.push(self.next - self.seen);
            self.stretches += 1;
            self.draw();
        }
        self.seen = end;
        if picked.is_empty() {
            return Ok(());
        }
        self.kept += picked.len();
        self.ever_kept += picked.len() as u64;
        let picked = match picked.len() == batch.num_rows() {
            true => batch.clone(),
            false => take_record_batch(batch, &UInt64Array::from(picked))?,
        };
        self.text_bytes.resize(picked.num_columns(), 0);
        let columns = picked.columns().iter().zip(&mut self.text_bytes);
        let columns = columns.map(|(column, bytes)| cut_texts(column, bytes)).collect();
        self.rows.push(RecordBatch::try_new(picked.schema(), columns)?);
        Ok(())
    }

    /// Puts the rows that were kept in an order.
    pub(super) fn sort(&mut self, order: &RowOrder) -> Result<(), ArrowError> {
        self.rows = sort_batches(std::mem::take(&mut self.rows), order)?;
        Ok(())
    }

    /// Returns how many rows were added.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns the rows that were kept.
    pub(super) fn rows(&self) -> &[RecordBatch] {
        &self.rows
    }

    /// Returns the bytes that the texts of a column have, on average; 0 for other columns.
    pub(super) fn average_text_bytes(&self, column: usize) -> f64 {
        let bytes = self.text_bytes.get(column).copied().unwrap_or(0);
        bytes as f64 / self.ever_kept.max(1) as f64
    }

    /// Makes every row of these samples stand for as many.
    pub(super) fn align(samples: &mut [Self]) -> Result<(), ArrowError> {
        let step = samples.iter().map(|sample| sample.step).max().unwrap_or(1);
        for sample in samples {
            while sample.step < step {
                sample.thin()?;
            }
        }
        Ok(())
    }

    /// Chooses the next row to keep from the next stretch.
    fn draw(&mut self) {
        self.next = self.stretches * self.step + self.random.random_range(0..self.step);
    }

    /// Keeps one row of every two.
    fn thin(&mut self) -> Result<(), ArrowError> {
        let mut keeps = Vec::with_capacity(self.kept);
        for _ in 0..self.kept / 2 {
            let first = self.random.random_bool(0.5);
            keeps.extend([first, !first]);
        }
        let takes_next = self.random.random_bool(0.5);
        let step = self.step;
        self.step *= 2;
        if self.kept % 2 == 1 {
            // The row that is kept last is the first of a pair, the next one its second.
            keeps.push(!takes_next);
            self.stretches = self.stretches / 2 + u64::from(!takes_next);
            if !takes_next {
                self.draw();
            }
        } else {
            self.stretches /= 2;
            // The next row was chosen from the first half of what is its stretch now.
            self.next += if takes_next { step } else { 0 };
        }
        let mut start = 0;
        for rows in &mut self.rows {
            let end = start + rows.num_rows();
            let mask: BooleanArray =
                keeps.get(start..end).unwrap_or_default().iter().copied().map(Some).collect();
            *rows = filter_record_batch(rows, &mask)?;
            start = end;
        }
        self.rows.retain(|rows| rows.num_rows() > 0);
        self.kept = self.rows.iter().map(RecordBatch::num_rows).sum();
        Ok(())
    }
}

/// Copies the beginnings of texts, so that the sample holds no buffers of others; counts their bytes.
fn cut_texts(column: &ArrayRef, bytes: &mut u64) -> ArrayRef {
    if *column.data_type() != DataType::Utf8View {
        return Arc::clone(column);
    }
    let texts = column.as_string_view();
    *bytes += texts.lengths().map(u64::from).sum::<u64>();
    let cut = texts.iter().map(|text| text.map(|text| beginning(text, TEXT_BYTES_MAX)));
    Arc::new(cut.collect::<StringViewArray>())
}

/// Returns a text's first characters, in at most so many bytes.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use arrow::{array::Int64Array, datatypes::Int64Type};

    use super::*;

    fn batch(values: std::ops::Range<i64>) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    fn values(sample: &RowSample) -> Vec<i64> {
        let columns = sample.rows.iter().map(|rows| rows.column(0).as_primitive::<Int64Type>());
        columns.flat_map(|column| column.values().to_vec()).collect()
    }

    #[test]
    fn few_rows_are_kept_whole() {
        let mut sample = RowSample::new(100);
        sample.add(&batch(0..60)).unwrap();
        sample.add(&batch(60..100)).unwrap();
        assert_eq!(values(&sample), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn of_many_rows_every_stretch_has_one_whatever_the_batches() {
        for batch_rows in [1, 7, 1_000, 64_000] {
            let mut sample = RowSample::new(1_000);
            let mut start = 0;
            while start < 64_000 {
                sample.add(&batch(start..start + batch_rows)).unwrap();
                start += batch_rows;
            }
            let values = values(&sample);
            assert_eq!(sample.kept, values.len());
            assert!((500..=1_000).contains(&values.len()), "{batch_rows}: {}", values.len());
            let stretches = values.iter().map(|value| value / sample.step as i64);
            assert!(stretches.enumerate().all(|(at, stretch)| at as i64 == stretch));
        }
    }

    #[test]
    fn what_repeats_itself_is_seen_whole() {
        let mut sample = RowSample::new(1_000);
        sample.add(&batch(0..64_000)).unwrap();
        let odd = values(&sample).iter().filter(|value| **value % 2 == 1).count();
        assert!((350..=650).contains(&(odd * 1_000 / sample.kept)), "{odd} of {}", sample.kept);
    }

    #[test]
    fn rows_of_aligned_samples_stand_for_as_many() {
        let mut samples = vec![RowSample::new(1_000), RowSample::new(1_000)];
        samples[0].add(&batch(0..64_000)).unwrap();
        samples[1].add(&batch(0..640)).unwrap();
        RowSample::align(&mut samples).unwrap();
        assert!((1..=20).contains(&samples[1].kept), "{}", samples[1].kept);
    }
}
