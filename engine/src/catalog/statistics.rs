//! What ANALYZE has found out of a table, beyond what every run brings of its own, and how much has changed since.

use serde::{Deserialize, Serialize};

use crate::ids::ColumnId;

/// What ANALYZE found out of distinct values is used as long as no more of the rows have changed since.
const CHANGED_PERCENT_MAX: f64 = 10.0;

/// What ANALYZE knows of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableStatistics {
    /// When it last looked: microseconds since 1970, UTC.
    pub analyzed_at_us: Option<i64>,
    /// Rows that came or went since then; all there ever were, if it never looked.
    pub modified_count: u64,
    /// Different values that columns had then, counted over all runs together.
    pub distinct_counts: Vec<(ColumnId, u64)>,
}

impl TableStatistics {
    /// Returns how much of a table with `row_count` rows has changed: 0 to 100 percent.
    pub fn changed_percent(&self, row_count: u64) -> f64 {
        (self.modified_count as f64 * 100.0 / row_count.max(1) as f64).min(100.0)
    }

    /// Returns the counts of distinct values, if they still say something of a table with `row_count` rows.
    pub fn current_distinct_counts(&self, row_count: u64) -> &[(ColumnId, u64)] {
        let is_current = self.changed_percent(row_count) <= CHANGED_PERCENT_MAX;
        if is_current { &self.distinct_counts } else { &[] }
    }
}
