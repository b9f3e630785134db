//! A run: a sorted piece of one slice of one table, as the table's manifest describes it.

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, SliceId};

/// One immutable run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name within the table and slice.
    pub id: RunId,
    /// The slice that owns its rows.
    pub slice: SliceId,
    /// Rows.
    pub row_count: u64,
    /// Size of the object.
    pub bytes: u64,
    /// What is known of each column, in the table's column order.
    pub columns: Vec<ColumnStatistics>,
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
