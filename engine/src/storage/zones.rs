//! The zone map of a run: bounds and NULL counts of every column, block by block.
//!
//! Stored in the run itself, as a metadata segment of its file, in Arrow's IPC format: for column
//! *i* the columns `min_i`, `max_i` (absent where the type has no bounds) and `nulls_i`, one row
//! per block of [`BLOCK_ROWS`] rows. Its checksum follows: a wrong bound would hide rows.

use std::{collections::HashMap, io::Cursor, ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array, make_comparator},
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type},
    error::ArrowError,
    ipc::{reader::StreamReader, writer::StreamWriter},
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    bounds::{Bounds, bounds},
    distinct::DistinctEstimator,
    run::{ColumnStatistics, StatisticsValue},
    sort::SORT_OPTIONS,
};
use crate::distribution::DistributionError;

/// Rows of a block; also the rows of a zone of Vortex's own.
pub const BLOCK_ROWS: usize = 8_192;

const ROW_COUNT_KEY: &str = "rows";

/// What comes between the zones and their checksum, behind the end of what Arrow reads.
const CHECKSUM_MARK: &[u8] = b"xxh3";

/// The zone map of one run.
#[derive(Debug)]
pub struct ZoneMap {
    row_count: u64,
    /// The columns' names in the run.
    names: Vec<String>,
    columns: Vec<ZoneColumn>,
}

/// The zones of one column.
#[derive(Debug)]
pub struct ZoneColumn {
    /// The smallest value of each block, NULL where unknown; `None` where the type has no bounds.
    pub min: Option<ArrayRef>,
    /// The largest value of each block.
    pub max: Option<ArrayRef>,
    /// NULLs of each block.
    pub null_counts: UInt64Array,
}

impl ZoneMap {
    /// Returns the zone map of rows in the order they are stored, and what is known of them in all; with the
    /// estimators that its counts of distinct values are from.
    pub(crate) fn build(
        schema: &Schema,
        batches: &[RecordBatch],
    ) -> Result<(Self, Vec<ColumnStatistics>, Vec<DistinctEstimator>), DistributionError> {
        let row_count = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let cuts = Cuts::new(batches);
        let mut columns = Vec::with_capacity(schema.fields().len());
        let mut statistics = Vec::with_capacity(schema.fields().len());
        let mut distinct = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            let pieces = cuts.pieces(batches, index);
            let column = ZoneColumn::build(field.data_type(), cuts.blocks, &pieces);
            let seen = distinct_values(batches, index)?;
            let known = column_statistics(field.data_type(), &column, batches, index);
            statistics.push(ColumnStatistics { distinct_count: seen.estimate(), ..known });
            distinct.push(seen);
            columns.push(column);
        }
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok((Self { row_count: row_count as u64, names, columns }, statistics, distinct))
    }

    /// Returns the number of rows.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Returns the number of blocks.
    pub fn block_count(&self) -> usize {
        usize::try_from(self.row_count).unwrap_or(0).div_ceil(BLOCK_ROWS)
    }

    /// Returns the rows of a block.
    pub fn block_rows(&self, block: usize) -> Range<u64> {
        let start = (block * BLOCK_ROWS) as u64;
        start..(start + BLOCK_ROWS as u64).min(self.row_count)
    }

    /// Returns the zones of each column, in the order the run has them.
    pub fn columns(&self) -> &[ZoneColumn] {
        &self.columns
    }

    /// Returns the zones of the column that the run has under one of these names.
    pub fn column(&self, names: &[String]) -> Option<&ZoneColumn> {
        let position = |name: &String| self.names.iter().position(|known| known == name);
        self.columns.get(names.iter().find_map(position)?)
    }

    /// Returns the zone map as bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ArrowError> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            for (name, array) in [("min", &column.min), ("max", &column.max)] {
                if let Some(array) = array {
                    let data_type = array.data_type().clone();
                    fields.push(Field::new(format!("{name}_{index}"), data_type, true));
                    arrays.push(Arc::clone(array));
                }
            }
            fields.push(Field::new(format!("nulls_{index}"), DataType::UInt64, false));
            arrays.push(Arc::new(column.null_counts.clone()));
        }
        let metadata = HashMap::from([(ROW_COUNT_KEY.to_owned(), self.row_count.to_string())]);
        let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, metadata));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        writer.write(&batch)?;
        let mut bytes = writer.into_inner()?;
        let checksum = xxh3_64(&bytes);
        bytes.extend(CHECKSUM_MARK);
        bytes.extend(checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Returns the zone map that [`ZoneMap::encode`] wrote into a run whose columns have these names.
    pub(crate) fn decode(bytes: &[u8], names: Vec<String>) -> Result<Self, ArrowError> {
        let damaged = |what: &str| ArrowError::ParseError(format!("zone map without {what}"));
        let mut reader = StreamReader::try_new(Cursor::new(verified(bytes)?), None)?;
        let schema = reader.schema();
        let row_count = schema
            .metadata()
            .get(ROW_COUNT_KEY)
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| damaged("a row count"))?;
        let batch = reader.next().ok_or_else(|| damaged("zones"))??;
        let columns = (0..).map_while(|index| {
            let nulls = batch.column_by_name(&format!("nulls_{index}"))?;
            Some(ZoneColumn {
                min: batch.column_by_name(&format!("min_{index}")).cloned(),
                max: batch.column_by_name(&format!("max_{index}")).cloned(),
                null_counts: nulls.as_primitive_opt::<UInt64Type>()?.clone(),
            })
        });
        let zones = Self { row_count, names, columns: columns.collect() };
        let has_all_blocks = batch.num_rows() == zones.block_count();
        let has_all_columns = zones.columns.len() == zones.names.len();
        let knows_nulls = zones.columns.iter().all(|column| column.null_counts.null_count() == 0);
        match has_all_blocks && has_all_columns && knows_nulls {
            true => Ok(zones),
            false => Err(damaged("the zones of all blocks and columns")),
        }
    }

    /// Returns the memory it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let columns = self.columns.iter().map(|column| {
            let bounds = column.min.iter().chain(&column.max);
            let bounds = bounds.map(|bound| bound.get_array_memory_size()).sum::<usize>();
            bounds + column.null_counts.get_array_memory_size()
        });
        columns.sum()
    }
}

/// Returns an encoded zone map without its checksum, which is seen to match; those of older runs have none.
fn verified(bytes: &[u8]) -> Result<&[u8], ArrowError> {
    let Some((marked, checksum)) = bytes.split_last_chunk() else { return Ok(bytes) };
    let Some(zones) = marked.strip_suffix(CHECKSUM_MARK) else { return Ok(bytes) };
    match xxh3_64(zones) == u64::from_le_bytes(*checksum) {
        true => Ok(zones),
        false => Err(ArrowError::ParseError("zone map with another checksum".to_owned())),
    }
}

impl ZoneColumn {
    /// Returns the blocks of which this says something that is not true, where `is` was made of the rows
    /// themselves. Bounds may be wider than the values.
    pub(crate) fn untrue_blocks(&self, is: &Self) -> Vec<usize> {
        let exceeds = |a: &Option<ArrayRef>, b: &Option<ArrayRef>, block: usize| match (a, b) {
            (Some(a), Some(b)) if a.is_valid(block) && b.is_valid(block) => {
                make_comparator(a.as_ref(), b.as_ref(), SORT_OPTIONS)
                    .is_ok_and(|compare| compare(block, block).is_gt())
            }
            _ => false,
        };
        let blocks = 0..self.null_counts.len().min(is.null_counts.len());
        let is_untrue = |block: &usize| {
            self.null_counts.value(*block) != is.null_counts.value(*block)
                || exceeds(&self.min, &is.min, *block)
                || exceeds(&is.max, &self.max, *block)
        };
        blocks.filter(is_untrue).collect()
    }

    fn build(data_type: &DataType, blocks: usize, pieces: &[(usize, ArrayRef)]) -> Self {
        let mut null_counts = vec![0_u64; blocks];
        for (block, piece) in pieces {
            null_counts[*block] += piece.null_count() as u64;
        }
        let (min, max) = match bounds(data_type, blocks, pieces) {
            Some(Bounds { min, max }) => (Some(min), Some(max)),
            None => (None, None),
        };
        Self { min, max, null_counts: null_counts.into() }
    }
}

/// Where batches of any length are cut so that no piece crosses a block.
struct Cuts {
    blocks: usize,
    /// Block, batch, rows of the batch.
    pieces: Vec<(usize, usize, Range<usize>)>,
}

impl Cuts {
    fn new(batches: &[RecordBatch]) -> Self {
        let mut pieces = Vec::new();
        let mut row = 0;
        for (index, batch) in batches.iter().enumerate() {
            let mut offset = 0;
            while offset < batch.num_rows() {
                let length = (BLOCK_ROWS - row % BLOCK_ROWS).min(batch.num_rows() - offset);
                pieces.push((row / BLOCK_ROWS, index, offset..offset + length));
                offset += length;
                row += length;
            }
        }
        Self { blocks: row.div_ceil(BLOCK_ROWS), pieces }
    }

    fn pieces(&self, batches: &[RecordBatch], column: usize) -> Vec<(usize, ArrayRef)> {
        let piece = |(block, batch, rows): &(usize, usize, Range<usize>)| {
            (*block, batches[*batch].column(column).slice(rows.start, rows.len()))
        };
        self.pieces.iter().map(piece).collect()
    }
}

fn distinct_values(
    batches: &[RecordBatch],
    index: usize,
) -> Result<DistinctEstimator, DistributionError> {
    let mut distinct = DistinctEstimator::default();
    for batch in batches {
        distinct.add_array(batch.column(index).as_ref())?;
    }
    Ok(distinct)
}

fn column_statistics(
    data_type: &DataType,
    zones: &ZoneColumn,
    batches: &[RecordBatch],
    index: usize,
) -> ColumnStatistics {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let overall = overall_bounds(data_type, zones, rows);
    let (min, max) = overall
        .map(|bounds| (StatisticsValue::of(&bounds.min, 0), StatisticsValue::of(&bounds.max, 0)))
        .unwrap_or_default();
    ColumnStatistics {
        min,
        max,
        null_count: zones.null_counts.values().iter().sum(),
        trailing_blanks: batches.iter().any(|batch| has_trailing_blank(batch.column(index))),
        // What it takes is known once it is written.
        ..ColumnStatistics::default()
    }
}

fn has_trailing_blank(array: &ArrayRef) -> bool {
    let texts = array.as_string_view_opt().into_iter().flatten();
    texts.flatten().any(|text| text.ends_with(' '))
}

/// Returns the bounds of the whole run: unknown as soon as they are unknown of a block with values.
fn overall_bounds(data_type: &DataType, zones: &ZoneColumn, row_count: usize) -> Option<Bounds> {
    let (min, max) = (zones.min.as_ref()?, zones.max.as_ref()?);
    let known = (0..zones.null_counts.len()).all(|block| {
        let rows = (row_count - block * BLOCK_ROWS).min(BLOCK_ROWS) as u64;
        zones.null_counts.value(block) == rows || (min.is_valid(block) && max.is_valid(block))
    });
    if !known {
        return None;
    }
    let overall = |bound: &ArrayRef| bounds(data_type, 1, &[(0, cast(bound, data_type).ok()?)]);
    Some(Bounds { min: overall(min)?.min, max: overall(max)?.max })
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use arrow::array::{Int32Array, StringViewArray};

    use super::*;

    #[test]
    fn a_flipped_bit_in_a_zone_map_changes_no_answer() {
        let fields = [("x", DataType::Int32), ("s", DataType::Utf8View)];
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.to_vec()));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(3), None, Some(7)])),
            Arc::new(StringViewArray::from(vec![Some("a"), Some("b"), None])),
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let (zones, ..) = ZoneMap::build(&schema, &[rows]).unwrap();
        let names = || vec!["x".to_owned(), "s".to_owned()];
        let bytes = zones.encode().unwrap();
        for position in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[position] ^= 4;
            // Without its mark it is one of before there were checksums.
            if let Ok(Ok(read)) = catch_unwind(|| ZoneMap::decode(&broken, names())) {
                assert_eq!(format!("{read:?}"), format!("{zones:?}"), "byte {position}");
            }
        }
    }
}
