//! What ANALYZE knows of columns, as `pg_stats` and `pg_statistic` show it.

use std::sync::Arc;

use crate::{
    catalog::{Column, Table},
    storage::{ColumnSummary, run::StatisticsValue},
    system::SystemContext,
    types::{
        SqlType,
        text_format::{self, TextBuffer},
    },
};

/// A column that has been analyzed.
pub(crate) struct AnalyzedColumn {
    pub(crate) table: Arc<Table>,
    pub(crate) column: Column,
    pub(crate) summary: Arc<ColumnSummary>,
}

/// Returns all columns that have been analyzed.
pub(crate) fn all(context: &SystemContext) -> Vec<AnalyzedColumn> {
    let of_table = |table: &Arc<Table>| {
        let columns = table.columns.iter().filter_map(|column| {
            let summary = Arc::clone(table.statistics.column(column.id)?);
            Some(AnalyzedColumn { table: Arc::clone(table), column: column.clone(), summary })
        });
        columns.collect::<Vec<_>>()
    };
    context.catalog.tables().flat_map(of_table).collect()
}

impl AnalyzedColumn {
    /// Returns the bytes of a value, on average.
    pub(crate) fn width_bytes(&self) -> i32 {
        self.summary.values.average_width_bytes.round() as i32
    }

    /// Returns how many different values there are; if there are more the more rows there are, minus their part of the
    /// rows.
    pub(crate) fn distinct(&self) -> f64 {
        // PostgreSQL's border between the two.
        const FRACTION_MIN: f64 = 0.1;
        let known = self.table.statistics.distinct_count(self.column.id);
        let distinct = known.unwrap_or_else(|| self.summary.distinct.estimate()) as f64;
        let rows = self.summary.row_count.max(1) as f64;
        if distinct > rows * FRACTION_MIN { -(distinct / rows).min(1.0) } else { distinct }
    }

    /// Returns the most common values, as texts.
    pub(crate) fn most_common_values(&self) -> Option<Vec<String>> {
        let common = &self.summary.values.most_common;
        (!common.is_empty()).then(|| common.iter().map(|(value, _)| self.text(value)).collect())
    }

    /// Returns their parts of the rows.
    pub(crate) fn most_common_fractions(&self) -> Option<Vec<f64>> {
        let common = &self.summary.values.most_common;
        (!common.is_empty()).then(|| common.iter().map(|(_, share)| *share).collect())
    }

    /// Returns the bounds of the histogram of the other values, as texts.
    pub(crate) fn bounds(&self) -> Option<Vec<String>> {
        let bounds = &self.summary.values.bounds;
        (!bounds.is_empty()).then(|| bounds.iter().map(|value| self.text(value)).collect())
    }

    fn text(&self, value: &StatisticsValue) -> String {
        let mut text = TextBuffer::new();
        match (value, self.column.sql_type) {
            (StatisticsValue::Text(text), _) => return text.clone(),
            (StatisticsValue::Boolean(value), _) => {
                return if *value { "t" } else { "f" }.to_owned();
            }
            (StatisticsValue::Integer(days), SqlType::Date) => {
                text_format::date(i32::try_from(*days).unwrap_or_default(), &mut text);
            }
            (StatisticsValue::Integer(micros), SqlType::Time) => {
                text_format::time(*micros, &mut text);
            }
            (StatisticsValue::Integer(micros), SqlType::Timestamp) => {
                text_format::timestamp(*micros, false, &mut text);
            }
            (StatisticsValue::Integer(micros), SqlType::TimestampTz) => {
                text_format::timestamp(*micros, true, &mut text);
            }
            (StatisticsValue::Integer(value), _) => text_format::integer(*value, &mut text),
            (StatisticsValue::Decimal(unscaled), SqlType::Decimal { scale, .. }) => {
                let scale = u32::try_from(scale).unwrap_or_default();
                text_format::decimal(unscaled.parse().unwrap_or_default(), scale, &mut text);
            }
            (StatisticsValue::Decimal(value), _) => return value.clone(),
            (StatisticsValue::Float(value), SqlType::Real) => {
                text_format::float4(*value as f32, &mut text);
            }
            (StatisticsValue::Float(value), _) => text_format::float8(*value, &mut text),
        }
        String::from_utf8_lossy(text.as_bytes()).into_owned()
    }
}
