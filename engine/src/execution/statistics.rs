//! What the manifest knows of a table, in DataFusion's terms.

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics, stats::Precision};

use crate::{
    catalog::Table,
    storage::{
        is_exact_text,
        run::{ColumnStatistics as RunColumn, Run, StatisticsValue},
    },
};

/// Returns a bound as a value of its column's type; `None` if the log holds something else.
pub(crate) fn scalar(value: &StatisticsValue, data_type: &DataType) -> Option<ScalarValue> {
    Some(match (value, data_type) {
        (StatisticsValue::Boolean(value), DataType::Boolean) => ScalarValue::Boolean(Some(*value)),
        (StatisticsValue::Integer(value), _) => match data_type {
            DataType::Int16 => ScalarValue::Int16(Some(i16::try_from(*value).ok()?)),
            DataType::Int32 => ScalarValue::Int32(Some(i32::try_from(*value).ok()?)),
            DataType::Int64 => ScalarValue::Int64(Some(*value)),
            DataType::Date32 => ScalarValue::Date32(Some(i32::try_from(*value).ok()?)),
            DataType::Time64(TimeUnit::Microsecond) => ScalarValue::Time64Microsecond(Some(*value)),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                ScalarValue::TimestampMicrosecond(Some(*value), zone.clone())
            }
            _ => return None,
        },
        (StatisticsValue::Decimal(value), DataType::Decimal128(precision, scale)) => {
            ScalarValue::Decimal128(Some(value.parse().ok()?), *precision, *scale)
        }
        (StatisticsValue::Float(value), DataType::Float32) => {
            ScalarValue::Float32(Some(*value as f32))
        }
        (StatisticsValue::Float(value), DataType::Float64) => ScalarValue::Float64(Some(*value)),
        (StatisticsValue::Text(value), DataType::Utf8View) => {
            ScalarValue::Utf8View(Some(value.clone()))
        }
        _ => return None,
    })
}

/// Returns the statistics of one run.
pub(crate) fn of_run(run: &Run, schema: &Schema) -> Statistics {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let Some(column) = run.columns.get(index) else {
            return ColumnStatistics::new_unknown();
        };
        let known = ColumnStatistics {
            min_value: bound(column.min.as_ref(), field.data_type()),
            max_value: bound(column.max.as_ref(), field.data_type()),
            null_count: Precision::Exact(count(column.null_count)),
            distinct_count: Precision::Inexact(count(column.distinct_count)),
            ..ColumnStatistics::new_unknown()
        };
        after_deletes(known, run.deletes.is_empty())
    });
    Statistics {
        num_rows: Precision::Exact(count(run.live_row_count())),
        total_byte_size: Precision::Inexact(count(run.bytes)),
        column_statistics: columns.collect(),
    }
}

/// What is known of a column counts deleted rows too: with some, it is no more than a bound.
fn after_deletes(known: ColumnStatistics, none_deleted: bool) -> ColumnStatistics {
    if none_deleted { known } else { known.to_inexact() }
}

/// Returns the statistics of a table that consists of these runs.
pub(crate) fn of_runs(runs: &[&Run], schema: &Schema) -> Statistics {
    let rows = runs.iter().map(|run| run.live_row_count()).sum::<u64>();
    let none_deleted = runs.iter().all(|run| run.deletes.is_empty());
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let columns =
            runs.iter().filter_map(|run| Some((*run, run.columns.get(index)?))).collect::<Vec<_>>();
        if columns.len() != runs.len() {
            return ColumnStatistics::new_unknown();
        }
        let nulls = columns.iter().map(|(_, column)| column.null_count).sum::<u64>();
        let (min, max) = range(&columns, field.data_type());
        let distinct = distinct_count(&columns, rows - nulls.min(rows), &min, &max);
        let known = ColumnStatistics {
            min_value: min,
            max_value: max,
            null_count: Precision::Exact(count(nulls)),
            distinct_count: Precision::Inexact(count(distinct)),
            ..ColumnStatistics::new_unknown()
        };
        after_deletes(known, none_deleted)
    });
    Statistics {
        num_rows: Precision::Exact(count(rows)),
        total_byte_size: Precision::Inexact(count(runs.iter().map(|run| run.bytes).sum())),
        column_statistics: columns.collect(),
    }
}

/// Returns the statistics of a table: what ANALYZE has counted takes the place of what follows from the runs one by one.
pub(crate) fn of_table(table: &Table, schema: &Schema) -> Statistics {
    let runs = table.manifest.runs.iter().map(|run| &**run).collect::<Vec<_>>();
    let mut statistics = of_runs(&runs, schema);
    let row_count = table.manifest.row_count();
    for (id, distinct) in table.statistics.current_distinct_counts(row_count) {
        let position = table.position(*id);
        if let Some(column) = position.and_then(|p| statistics.column_statistics.get_mut(p)) {
            column.distinct_count = Precision::Inexact(count((*distinct).min(row_count)));
        }
    }
    statistics
}

fn bound(value: Option<&StatisticsValue>, data_type: &DataType) -> Precision<ScalarValue> {
    let Some(scalar) = value.and_then(|value| scalar(value, data_type)) else {
        return Precision::Absent;
    };
    match value {
        Some(StatisticsValue::Text(text)) if !is_exact_text(text) => Precision::Inexact(scalar),
        // Zero stands for both zeros, so it need not be the value that is stored.
        Some(StatisticsValue::Float(0.0)) => Precision::Inexact(scalar),
        _ => Precision::Exact(scalar),
    }
}

/// Returns the bounds over all runs; unknown as soon as they are unknown in a run with values.
fn range(
    columns: &[(&Run, &RunColumn)],
    data_type: &DataType,
) -> (Precision<ScalarValue>, Precision<ScalarValue>) {
    let mut overall: Option<(Precision<ScalarValue>, Precision<ScalarValue>)> = None;
    for (run, column) in columns {
        if column.null_count == run.row_count {
            continue;
        }
        let min = bound(column.min.as_ref(), data_type);
        let max = bound(column.max.as_ref(), data_type);
        overall = Some(match overall {
            None => (min, max),
            Some((low, high)) => (low.min(&min), high.max(&max)),
        });
    }
    overall.unwrap_or_default()
}

/// Returns an estimate of how many different values all runs have together.
///
/// Runs whose ranges do not overlap share no value: their counts add up. Otherwise each run is
/// taken as a random draw of n rows from D values, which shows D·(1 − e^(−n/D)) of them; D follows
/// from the run, and the draw of all rows from D.
fn distinct_count(
    columns: &[(&Run, &RunColumn)],
    rows: u64,
    min: &Precision<ScalarValue>,
    max: &Precision<ScalarValue>,
) -> u64 {
    let total = columns.iter().map(|(_, column)| column.distinct_count).sum::<u64>();
    if columns.len() <= 1 || total == 0 {
        return total.min(rows);
    }
    let largest = columns.iter().map(|(_, column)| column.distinct_count).max().unwrap_or(0);
    let estimate = if are_disjoint(columns) {
        total
    } else {
        let domains = columns.iter().map(|(run, column)| {
            domain(
                (run.row_count - column.null_count.min(run.row_count)) as f64,
                column.distinct_count as f64,
            )
        });
        let domain = domains.fold(0.0, f64::max);
        seen(rows as f64, domain).round() as u64
    };
    let estimate = estimate.clamp(largest, total.max(largest)).min(rows);
    match (min.get_value(), max.get_value()) {
        (Some(min), Some(max)) => {
            integer_span(min, max).map_or(estimate, |span| estimate.min(span))
        }
        _ => estimate,
    }
}

fn are_disjoint(columns: &[(&Run, &RunColumn)]) -> bool {
    let mut ranges = Vec::with_capacity(columns.len());
    for (_, column) in columns {
        match (&column.min, &column.max) {
            (Some(StatisticsValue::Integer(min)), Some(StatisticsValue::Integer(max))) => {
                ranges.push((*min, *max));
            }
            _ => return false,
        }
    }
    ranges.sort_unstable();
    ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0)
}

/// Returns how many of `domain` values `rows` random rows show.
fn seen(rows: f64, domain: f64) -> f64 {
    if domain <= 0.0 { 0.0 } else { domain * (1.0 - (-rows / domain).exp()) }
}

/// Returns the number of values of which `rows` random rows showed `distinct`.
///
/// With x rows for each of D values they show (1 − e^(−x))/x values a row: Newton's method for x.
fn domain(rows: f64, distinct: f64) -> f64 {
    /// So few rows for each value cannot be told from none.
    const ROWS_MIN: f64 = 0.001;
    let shown = distinct / rows;
    if shown.is_nan() || shown >= 0.98 {
        // All but unique: any domain fits, as far as the estimate's own error can tell.
        return rows / ROWS_MIN;
    }
    // Two lower bounds of x; the left side is convex and falls, so that the steps go up to it.
    let mut x = (2.0 * (1.0 - shown)).max(1.0 / shown - 1.0).max(ROWS_MIN);
    for _ in 0..8 {
        let rest = (-x).exp();
        let slope = (rest * (x + 1.0) - 1.0) / (x * x);
        x = (x - ((1.0 - rest) / x - shown) / slope).max(ROWS_MIN);
    }
    rows / x
}

fn integer_span(min: &ScalarValue, max: &ScalarValue) -> Option<u64> {
    let integer = |value: &ScalarValue| match value {
        ScalarValue::Int16(Some(value)) => Some(i64::from(*value)),
        ScalarValue::Int32(Some(value)) | ScalarValue::Date32(Some(value)) => {
            Some(i64::from(*value))
        }
        ScalarValue::Int64(Some(value)) => Some(*value),
        _ => None,
    };
    integer(max)?.checked_sub(integer(min)?)?.checked_add(1)?.try_into().ok()
}

fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
