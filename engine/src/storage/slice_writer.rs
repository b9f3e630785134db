//! Rows of one slice, in the order of the sort key, to runs of the usual size: the writing half of VACUUM.
//!
//! Every row comes with its address in the run it is taken from, and the writer notes where it goes: a row
//! that is deleted meanwhile is found again in its new place.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{UInt32Type, UInt64Type},
};
use serde::{Deserialize, Serialize};

use super::{
    DeleteVector, ManagedStorage, PendingObjects, StorageError,
    paths::{ObjectPath, RunPath},
    run::Run,
    sort::sort_batches,
    writer::{TableLayout, flush_slice, row_bytes},
};
use crate::{
    chance::off_thread,
    distribution::DistributionError,
    ids::{RunId, SliceId, WriteId},
};

/// Memory of rows that make a run: what a load with its own 256 MB makes of them, on two slices.
const RUN_MEMORY_BYTES: usize = 64 << 20;
/// Origins that are kept, 24 bytes each; beyond it they are given up.
const ORIGINS_MAX: usize = 4 << 20;

/// Writes rows of one slice.
#[derive(Debug)]
pub struct SliceWriter {
    storage: Arc<ManagedStorage>,
    layout: Arc<TableLayout>,
    slice: SliceId,
    /// Rows with the two columns of their address behind the table's own: position, then run.
    buffer: Vec<RecordBatch>,
    buffered_bytes: usize,
    runs: Vec<Run>,
    origins: RowOrigins,
    pending: PendingObjects,
    /// Whose runs they are, if they are a write's.
    write: Option<WriteId>,
}

/// What a [`SliceWriter`] has written.
#[derive(Debug)]
pub struct SliceRuns {
    /// The runs, in the order of their rows.
    pub runs: Vec<Run>,
    /// Where their rows come from.
    pub origins: RowOrigins,
    /// The runs' objects: they go, unless somebody keeps them.
    pub pending: PendingObjects,
}

impl SliceWriter {
    /// Returns a writer of rows of `slice`.
    pub fn new(storage: Arc<ManagedStorage>, layout: Arc<TableLayout>, slice: SliceId) -> Self {
        Self {
            pending: PendingObjects::new(Arc::clone(&storage)),
            storage,
            layout,
            slice,
            buffer: Vec::new(),
            buffered_bytes: 0,
            runs: Vec::new(),
            origins: RowOrigins::default(),
            write: None,
        }
    }

    /// Makes the runs those of a write.
    pub fn of_write(mut self, write: Option<WriteId>) -> Self {
        self.write = write;
        self
    }

    /// Adds rows: the table's columns, then position and run.
    pub async fn write(&mut self, batch: RecordBatch) -> Result<(), StorageError> {
        self.buffered_bytes += row_bytes(&batch);
        self.buffer.push(batch);
        if self.buffered_bytes >= RUN_MEMORY_BYTES { self.flush(true).await } else { Ok(()) }
    }

    /// Writes what is left. The runs are durable and not yet visible.
    pub async fn finish(mut self) -> Result<SliceRuns, StorageError> {
        self.flush(false).await?;
        Ok(SliceRuns { runs: self.runs, origins: self.origins, pending: self.pending })
    }

    async fn flush(&mut self, is_full: bool) -> Result<(), StorageError> {
        self.buffered_bytes = 0;
        let batches = std::mem::take(&mut self.buffer);
        if batches.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(());
        }
        // As a rule they are in order already. Whatever the rows' order is, their addresses share it.
        let layout = Arc::clone(&self.layout);
        let sorted = move || sort_batches(batches, &layout.order);
        let sorted = off_thread(sorted)
            .await
            .map_err(|error| self.failed(&error))?
            .map_err(DistributionError::from)?;
        let mut rows = Vec::with_capacity(sorted.len());
        for batch in &sorted {
            rows.push(self.take_addresses_off(batch)?);
        }
        let run = RunId::random_of(self.write);
        let path = RunPath { table: self.layout.table, slice: self.slice, run };
        self.pending.extend([ObjectPath::Run(path)]);
        let (storage, layout) = (Arc::clone(&self.storage), Arc::clone(&self.layout));
        let (run, _) = flush_slice(storage, layout, path, rows).await?;
        self.runs.push(Run { is_full, ..run });
        Ok(())
    }

    fn take_addresses_off(&mut self, batch: &RecordBatch) -> Result<RecordBatch, StorageError> {
        let width = self.layout.schema.fields().len();
        let addresses = batch.columns().get(width..).unwrap_or_default();
        let [position, run] = addresses else {
            return Err(self.mismatch(&"a row has no address"));
        };
        let (Some(positions), Some(runs)) =
            (position.as_primitive_opt::<UInt64Type>(), run.as_primitive_opt::<UInt32Type>())
        else {
            return Err(self.mismatch(&"an address is of another type"));
        };
        for (run, position) in runs.values().iter().zip(positions.values()) {
            self.origins.push(*run, *position);
        }
        RecordBatch::try_new(Arc::clone(&self.layout.schema), batch.columns()[..width].to_vec())
            .map_err(|error| self.mismatch(&error))
    }

    fn mismatch(&self, message: &dyn std::fmt::Display) -> StorageError {
        let table = self.layout.table.to_string();
        StorageError::RowsMismatch { table, message: message.to_string() }
    }

    fn failed(&self, error: &tokio::task::JoinError) -> StorageError {
        StorageError::WriteRun { table: self.layout.table.to_string(), message: error.to_string() }
    }
}

/// Where the rows of new runs come from, in the order in which they were written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RowOrigins {
    #[serde(with = "as_text")]
    stretches: Vec<Stretch>,
    row_count: u64,
    /// Given up: there were more stretches than memory is for.
    is_incomplete: bool,
}

/// Rows that lay one after the other and still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    /// The run's place in the manifest they were read by.
    run: u32,
    /// Their first position there.
    position: u64,
    /// The number of the first of them among all rows that were written.
    start: u64,
}

impl RowOrigins {
    fn push(&mut self, run: u32, position: u64) {
        let start = self.row_count;
        self.row_count += 1;
        let continues = self.stretches.last().is_some_and(|last| {
            last.run == run && last.position + (start - last.start) == position
        });
        if continues || self.is_incomplete {
            return;
        }
        if self.stretches.len() == ORIGINS_MAX {
            self.is_incomplete = true;
            self.stretches = Vec::new();
            return;
        }
        self.stretches.push(Stretch { run, position, start });
    }

    /// Says where the runs really are that the rows were read from: run `n` at `places[n]`.
    pub fn with_places(mut self, places: &[u32]) -> Self {
        for stretch in &mut self.stretches {
            if let Some(place) = places.get(stretch.run as usize) {
                stretch.run = *place;
            }
        }
        self
    }

    /// Returns the rows that were written, by their number and in order, that are copies of these rows (by
    /// the place of their run); `None` if that is not known of all of them.
    pub fn copies(&self, rows: &BTreeMap<u32, DeleteVector>) -> Option<Vec<u64>> {
        if rows.is_empty() {
            return Some(Vec::new());
        }
        if self.is_incomplete {
            return None;
        }
        let ends = self.stretches.iter().skip(1).map(|next| next.start).chain([self.row_count]);
        let mut of_runs: BTreeMap<u32, Vec<(Stretch, u64)>> =
            rows.keys().map(|run| (*run, Vec::new())).collect();
        for (stretch, end) in self.stretches.iter().zip(ends) {
            if let Some(stretches) = of_runs.get_mut(&stretch.run) {
                stretches.push((*stretch, stretch.position + (end - stretch.start)));
            }
        }
        let mut copies = Vec::new();
        for (run, rows) in rows {
            let stretches = of_runs.get_mut(run)?;
            stretches.sort_unstable_by_key(|(stretch, _)| stretch.position);
            for row in rows.rows() {
                let after = stretches.partition_point(|(stretch, _)| stretch.position <= row);
                let (stretch, end) = stretches.get(after.checked_sub(1)?)?;
                if row >= *end {
                    return None;
                }
                copies.push(stretch.start + (row - stretch.position));
            }
        }
        copies.sort_unstable();
        Some(copies)
    }
}

/// Stretches as a text: their numbers as bytes, the lowest first, in base64. There may be millions of them.
mod as_text {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Stretch;

    const STRETCH_BYTES: usize = 20;

    pub(super) fn serialize<S: Serializer>(
        stretches: &[Stretch],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(stretches.len() * STRETCH_BYTES);
        for Stretch { run, position, start } in stretches {
            bytes.extend(run.to_le_bytes());
            bytes.extend(position.to_le_bytes());
            bytes.extend(start.to_le_bytes());
        }
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Stretch>, D::Error> {
        let bytes = BASE64_STANDARD.decode(String::deserialize(deserializer)?);
        let bytes = bytes.map_err(D::Error::custom)?;
        let stretches = bytes.chunks(STRETCH_BYTES).map(|bytes| {
            let (run, rest) = bytes.split_first_chunk()?;
            let (position, rest) = rest.split_first_chunk()?;
            Some(Stretch {
                run: u32::from_le_bytes(*run),
                position: u64::from_le_bytes(*position),
                start: u64::from_le_bytes(*rest.first_chunk()?),
            })
        });
        stretches.collect::<Option<_>>().ok_or_else(|| D::Error::custom("stretches are cut off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(addresses: &[(u32, u64)]) -> RowOrigins {
        let mut origins = RowOrigins::default();
        addresses.iter().for_each(|(run, position)| origins.push(*run, *position));
        origins
    }

    fn rows(of: &[(u32, &[u64])]) -> BTreeMap<u32, DeleteVector> {
        of.iter().map(|(run, rows)| (*run, rows.iter().copied().collect())).collect()
    }

    #[test]
    fn rows_are_found_in_their_new_places() {
        // Two runs, interleaved; row 2 of run 7 was deleted before.
        let origins = origins(&[(7, 0), (7, 1), (3, 0), (7, 3), (7, 4), (3, 1), (3, 2)]);
        assert_eq!(origins.stretches.len(), 4);
        assert_eq!(origins.copies(&rows(&[(7, &[1, 4]), (3, &[0, 2])])), Some(vec![1, 2, 4, 6]));
        assert_eq!(origins.copies(&rows(&[])), Some(vec![]));
    }

    #[test]
    fn origins_travel_and_name_the_runs_as_the_other_end_does() {
        let origins = origins(&[(0, 0), (0, 1), (1, 0), (0, 3), (1, u64::MAX)]);
        let sent = serde_json::to_string(&origins).unwrap();
        let arrived: RowOrigins = serde_json::from_str(&sent).unwrap();
        assert_eq!(arrived.stretches, origins.stretches);
        assert_eq!(arrived.row_count, 5);
        let placed = arrived.with_places(&[3, 7]);
        assert_eq!(placed.copies(&rows(&[(7, &[0]), (3, &[1, 3])])), Some(vec![1, 2, 3]));
    }

    #[test]
    fn a_row_that_was_not_written_is_told() {
        let origins = origins(&[(7, 0), (7, 1)]);
        assert_eq!(origins.copies(&rows(&[(7, &[1, 2])])), None);
        assert_eq!(origins.copies(&rows(&[(8, &[0])])), None);
    }
}
