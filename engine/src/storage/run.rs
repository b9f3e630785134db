//! A run: a sorted piece of one slice of one table, as the table's manifest describes it.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{Array, AsArray},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
        Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    ids::{DeleteVectorId, RunId, SliceId, TableId, Xid},
    storage::{
        encoding::Encoding,
        inline::InlineRows,
        paths::{ObjectPath, RunPath},
        run_order::compare_bounds,
    },
};

/// A run with fewer rows is small, if it also has fewer bytes than the next constant.
const SMALL_RUN_ROWS: u64 = 65_536;
/// See [`SMALL_RUN_ROWS`].
const SMALL_RUN_BYTES: u64 = 4 << 20;

/// One immutable run: an object, or rows in the commit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name within the table and slice.
    pub id: RunId,
    /// The slice that owns its rows.
    pub slice: SliceId,
    /// The table it was written for, if ALTER TABLE APPEND has moved it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<TableId>,
    /// Rows stored, deleted ones included.
    pub row_count: u64,
    /// Size of the object, or of the rows in the log.
    pub bytes: u64,
    /// xxh3 of the object; `None` in what was written before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<u64>,
    /// What is known of each column, in the table's column order; deleted rows are not taken out.
    pub columns: Vec<ColumnStatistics>,
    /// Whether its writer ended it because it was as large as a run gets; false where nobody said so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_full: bool,
    /// Its delete vectors; no row is in two of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletes: Vec<DeleteVectorEntry>,
    /// Its rows, if they are few: then there is no object of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Arc<InlineRows>>,
}

/// A delete vector of a run, as the table's manifest describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteVectorEntry {
    /// Its name within the run.
    pub id: DeleteVectorId,
    /// Rows that are in it.
    pub row_count: u64,
    /// The transaction that wrote it.
    pub xid: Xid,
}

impl Run {
    /// Returns where it is, as a run of `table`.
    pub fn path(&self, table: TableId) -> RunPath {
        RunPath { table: self.home.unwrap_or(table), slice: self.slice, run: self.id }
    }

    /// Returns the number of rows that are deleted.
    pub fn deleted_count(&self) -> u64 {
        self.deletes.iter().map(|vector| vector.row_count).sum()
    }

    /// Returns its objects: the run itself, unless its rows are in the log, and its delete vectors.
    pub fn objects(&self, table: TableId) -> impl Iterator<Item = ObjectPath> + '_ {
        let path = self.path(table);
        let vectors =
            self.deletes.iter().map(move |vector| ObjectPath::DeleteVector(path, vector.id));
        let object = self.inline.is_none().then_some(ObjectPath::Run(path));
        object.into_iter().chain(vectors)
    }

    /// Returns whether it is so small that reading many like it costs more than merging them.
    pub fn is_small(&self) -> bool {
        !self.is_full && self.row_count < SMALL_RUN_ROWS && self.bytes < SMALL_RUN_BYTES
    }

    /// Returns the number of rows that are there.
    pub fn live_row_count(&self) -> u64 {
        self.row_count.saturating_sub(self.deleted_count())
    }
}

/// What is known of one column of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// The smallest value; `None` where it is not known or every value is NULL.
    pub min: Option<StatisticsValue>,
    /// The largest value.
    pub max: Option<StatisticsValue>,
    /// NULLs.
    pub null_count: u64,
    /// An estimate of how many different values there are; 0 where it is not known.
    pub distinct_count: u64,
    /// Whether a text may end with a blank: then values that are equal to SQL may differ in bytes.
    #[serde(default = "maybe")]
    pub trailing_blanks: bool,
    /// What the column takes of the run's bytes; 0 where it is not known, or not in the run.
    #[serde(default)]
    pub bytes: u64,
    /// How it was told to be compressed; `None` where it is not known, not in the run, or in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

impl ColumnStatistics {
    /// Returns what is known of a column of several runs together: nothing of values, where one of them
    /// knows nothing of its own.
    pub fn together<'a>(runs: impl Iterator<Item = (&'a Self, u64)>) -> Self {
        let (mut all, mut is_known) = (Self::default(), true);
        for (column, row_count) in runs {
            all.null_count += column.null_count;
            all.distinct_count += column.distinct_count;
            all.trailing_blanks |= column.trailing_blanks;
            all.bytes += column.bytes;
            if column.null_count == row_count {
                continue;
            }
            is_known &= column.min.is_some() && column.max.is_some();
            keep(&mut all.min, column.min.as_ref(), Ordering::Less);
            keep(&mut all.max, column.max.as_ref(), Ordering::Greater);
        }
        if !is_known {
            (all.min, all.max) = (None, None);
        }
        all
    }
}

/// Keeps a bound that lies on this side of the one that is there.
fn keep(bound: &mut Option<StatisticsValue>, other: Option<&StatisticsValue>, side: Ordering) {
    let Some(other) = other else { return };
    if bound.as_ref().is_none_or(|bound| compare_bounds(other, bound) == Some(side)) {
        *bound = Some(other.clone());
    }
}

/// What a run says that was written before anyone asked.
fn maybe() -> bool {
    true
}

/// A bound of a column, in the form that the log can hold. Wider than the column's own type:
/// whoever reads it knows the type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StatisticsValue {
    /// BOOLEAN
    Boolean(bool),
    /// Integers, DATE (days), TIME and TIMESTAMP (microseconds), OID
    Integer(i64),
    /// DECIMAL, unscaled, as text because JSON has no 128-bit integer
    Decimal(String),
    /// REAL, DOUBLE PRECISION
    Float(f64),
    /// CHAR, VARCHAR; may be cut to a prefix that is still a bound
    Text(String),
}

impl StatisticsValue {
    /// Returns an array's value; `None` for NULL and for a type that has no bounds.
    pub fn of(array: &dyn Array, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().value(row)),
            DataType::Int16 => Self::Integer(array.as_primitive::<Int16Type>().value(row).into()),
            DataType::Int32 => Self::Integer(array.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>().value(row)),
            DataType::Date32 => Self::Integer(array.as_primitive::<Date32Type>().value(row).into()),
            DataType::Time64(TimeUnit::Microsecond) => {
                Self::Integer(array.as_primitive::<Time64MicrosecondType>().value(row))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Integer(array.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            DataType::Decimal128(_, _) => {
                Self::Decimal(array.as_primitive::<Decimal128Type>().value(row).to_string())
            }
            DataType::Float32 => {
                return finite(array.as_primitive::<Float32Type>().value(row).into());
            }
            DataType::Float64 => return finite(array.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).to_owned()),
            DataType::Utf8View => Self::Text(array.as_string_view().value(row).to_owned()),
            _ => return None,
        })
    }
}

/// JSON has no infinity: such a bound is left unknown.
fn finite(value: f64) -> Option<StatisticsValue> {
    value.is_finite().then_some(StatisticsValue::Float(value))
}
