//! Rows of a small run that are kept in the record which commits them, and in the catalogue: a small INSERT
//! writes no object of its own.
//!
//! ```text
//!  INSERT ─▶ rows in Arrow's IPC format ─▶ commit record (base64 in its JSON) ─▶ catalogue, checkpoint
//!                                              many of them ─▶ merged to a run that is an object
//! ```
//!
//! The checksum of the record, or of the checkpoint, covers them.

use std::{fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    ipc::{
        MetadataVersion,
        reader::StreamReader,
        writer::{IpcWriteOptions, StreamWriter},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::zones::ZoneMap;
use crate::distribution::DistributionError;

/// A run of more bytes is an object: a record stays small enough to be written in one go.
pub const INLINE_RUN_BYTES_MAX: usize = 32 << 10;
/// A table whose small runs take more bytes than this in the log gets objects, until they are merged:
/// memory and checkpoints hold all of them.
pub const INLINE_TABLE_BYTES_MAX: u64 = 8 << 20;

/// Alignment of buffers within the bytes.
const ALIGNMENT: usize = 8;

/// The rows of one small run.
#[derive(Clone)]
pub struct InlineRows {
    encoded: Bytes,
    rows: RecordBatch,
}

impl InlineRows {
    /// Returns the rows of these batches of one schema, in one piece and without what they share with others.
    pub fn new(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let rows = concat_batches(schema, batches)?;
        let columns = rows.columns().iter().map(compact).collect();
        // The catalogue knows what else there is to know of a column.
        let fields = schema.fields().iter().map(|field| {
            Field::new(field.name().as_str(), field.data_type().clone(), field.is_nullable())
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)?;
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options)?;
        writer.write(&rows)?;
        Self::decode(writer.into_inner()?.into())
    }

    fn decode(encoded: Bytes) -> Result<Self, ArrowError> {
        let mut reader = StreamReader::try_new(encoded.as_ref(), None)?;
        let rows = reader.next().ok_or_else(|| {
            ArrowError::ParseError("a small run in the log has no rows".to_owned())
        })??;
        Ok(Self { encoded, rows })
    }

    /// Returns the rows; columns have the names they have in runs.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// Returns the zone map that they would have in an object.
    pub(crate) fn zone_map(&self) -> Result<ZoneMap, DistributionError> {
        ZoneMap::build(self.rows.schema_ref(), std::slice::from_ref(&self.rows))
            .map(|(zones, ..)| zones)
    }

    /// Returns how many bytes they take in the log.
    pub fn bytes(&self) -> u64 {
        self.encoded.len() as u64
    }
}

/// Copies texts out of buffers that hold more than them.
fn compact(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        _ => Arc::clone(column),
    }
}

impl fmt::Debug for InlineRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InlineRows({} rows, {} bytes)", self.rows.num_rows(), self.encoded.len())
    }
}

impl PartialEq for InlineRows {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

impl Serialize for InlineRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.encoded))
    }
}

impl<'de> Deserialize<'de> for InlineRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let encoded = STANDARD.decode(text).map_err(D::Error::custom)?;
        Self::decode(encoded.into()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn rows_come_back_from_text_without_what_they_shared() {
        let long: Vec<String> = (0..1000).map(|n| format!("a text that is its own: {n}")).collect();
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("x", DataType::Int64, false),
            Field::new("s", DataType::Utf8View, true),
        ]));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(0..1000)),
            Arc::new(StringViewArray::from_iter(long.iter().map(Some))),
        ];
        let all = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let rows = InlineRows::new(&schema, &[all.slice(7, 1), all.slice(990, 2)]).unwrap();
        assert!(rows.bytes() < 1500, "{} bytes", rows.bytes());
        let text = serde_json::to_string(&rows).unwrap();
        let back: InlineRows = serde_json::from_str(&text).unwrap();
        assert_eq!(back, rows);
        assert_eq!(back.rows().column(0).as_ref(), &Int64Array::from(vec![7, 990, 991]));
        assert_eq!(back.rows().column(1).as_string_view().value(2), long[991]);
        let damaged = format!("\"{}\"", &text[9..text.len() - 1]);
        assert!(serde_json::from_str::<InlineRows>(&damaged).is_err());
    }
}
