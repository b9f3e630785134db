//! What ANALYZE has found out of a table, beyond what every run brings of its own, and how much has changed since.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ids::ColumnId, storage::ColumnSummary};

/// What ANALYZE found out of values is used as long as no more of the rows have changed since.
const CHANGED_PERCENT_MAX: f64 = 10.0;

/// What ANALYZE knows of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableStatistics {
    /// When it last looked: microseconds since 1970, UTC.
    pub analyzed_at_us: Option<i64>,
    /// Rows that came or went since then; all there ever were, if it never looked.
    pub modified_count: u64,
    /// Rows among these that what is known of values covers all the same: INSERT … SELECT told what it brought.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub absorbed_count: u64,
    /// Different values that columns had then, counted over all runs together.
    pub distinct_counts: Vec<(ColumnId, u64)>,
    /// How the values of columns are spread. Shared: a table is copied when anything of it changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<(ColumnId, Arc<ColumnSummary>)>,
}

/// What was found out of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalyzedColumn {
    /// The column.
    pub column: ColumnId,
    /// Its different values.
    pub distinct_count: u64,
    /// How they are spread.
    pub summary: Arc<ColumnSummary>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl TableStatistics {
    /// Returns how much of a table with `row_count` rows has changed since ANALYZE: 0 to 100 percent.
    pub fn changed_percent(&self, row_count: u64) -> f64 {
        percent(self.modified_count, row_count)
    }

    /// Returns whether what is known of values still says something of a table with `row_count` rows.
    pub fn is_current(&self, row_count: u64) -> bool {
        let unknown = self.modified_count.saturating_sub(self.absorbed_count);
        percent(unknown, row_count) <= CHANGED_PERCENT_MAX
    }

    /// Returns the counts of distinct values, if they still say something of a table with `row_count` rows.
    pub fn current_distinct_counts(&self, row_count: u64) -> &[(ColumnId, u64)] {
        if self.is_current(row_count) { &self.distinct_counts } else { &[] }
    }

    /// Returns how the values of a column are spread, if anybody has looked.
    pub fn column(&self, id: ColumnId) -> Option<&Arc<ColumnSummary>> {
        self.columns.iter().find(|(known, _)| *known == id).map(|(_, summary)| summary)
    }

    /// Returns the count of distinct values of a column, if anybody has looked.
    pub fn distinct_count(&self, id: ColumnId) -> Option<u64> {
        self.distinct_counts.iter().find(|(known, _)| *known == id).map(|(_, count)| *count)
    }

    /// Notes an ANALYZE, by which so many rows had come and gone.
    pub(super) fn analyzed(&mut self, at_us: i64, modified_count: u64) {
        self.analyzed_at_us = Some(at_us);
        self.modified_count = self.modified_count.saturating_sub(modified_count);
        self.absorbed_count = 0;
    }

    /// As [`Self::learn`], of an ANALYZE: one that was written before there were summaries counted values only, and
    /// replaces all that was known.
    pub(super) fn learn_all(
        &mut self,
        distinct_counts: &[(ColumnId, u64)],
        columns: &[AnalyzedColumn],
    ) {
        if columns.is_empty() {
            self.distinct_counts = distinct_counts.to_vec();
            self.columns.clear();
        }
        self.learn(columns);
    }

    /// Puts what was found out of columns in the place of what was known of them.
    pub(super) fn learn(&mut self, columns: &[AnalyzedColumn]) {
        for AnalyzedColumn { column, distinct_count, summary } in columns {
            self.forget(*column);
            self.distinct_counts.push((*column, *distinct_count));
            self.columns.push((*column, Arc::clone(summary)));
        }
    }

    /// Forgets a column.
    pub(super) fn forget(&mut self, column: ColumnId) {
        self.distinct_counts.retain(|(known, _)| *known != column);
        self.columns.retain(|(known, _)| *known != column);
    }
}

fn percent(part: u64, row_count: u64) -> f64 {
    (part as f64 * 100.0 / row_count.max(1) as f64).min(100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_there_were_summaries_is_read() {
        let old = r#"{"analyzed_at_us":5,"modified_count":3,"distinct_counts":[[1,40]]}"#;
        let known: TableStatistics = serde_json::from_str(old).unwrap();
        assert_eq!(known.distinct_count(ColumnId(1)), Some(40));
        assert!(known.columns.is_empty() && known.is_current(100) && !known.is_current(10));
        let (text, column) = (serde_json::to_string(&known).unwrap(), ColumnId(1));
        assert_eq!(text, old);
        let mut known = known;
        let summary = Arc::new(ColumnSummary::default());
        known.learn(&[AnalyzedColumn { column, distinct_count: 7, summary }]);
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<TableStatistics>(&text).unwrap(), known);
        assert_eq!((known.distinct_count(column), known.columns.len()), (Some(7), 1));
    }
}
