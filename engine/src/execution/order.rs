//! The order in which a slice's runs are read, and how much of the sort key it keeps.
//!
//! Within a run rows are in the order of the sort key, NULLs last. Runs read one after the other
//! keep the key's first columns as far as the manifest's bounds prove it; the rest is not claimed.

use std::cmp::Ordering;

use arrow::datatypes::{DataType, Schema};

use super::statistics::scalar;
use crate::storage::{
    is_exact_text,
    run::{ColumnStatistics, Run, StatisticsValue},
};

/// Puts the runs of one slice in the order to read them in; returns how many of the leading sort
/// columns all rows are then in the order of.
pub(crate) fn order_runs(runs: &mut [&Run], sort_columns: &[usize], schema: &Schema) -> usize {
    runs.sort_by(|a, b| {
        let columns = sort_columns.iter();
        let mut orders = columns.map(|&column| compare_starts(a, b, column, schema));
        orders.find(|order| order.is_ne()).unwrap_or_else(|| a.id.cmp(&b.id))
    });
    let proven = runs.windows(2).map(|pair| proven_columns(pair[0], pair[1], sort_columns, schema));
    proven.min().unwrap_or(sort_columns.len())
}

/// Runs without a known minimum (all NULL, or not known) come last.
fn compare_starts(a: &Run, b: &Run, column: usize, schema: &Schema) -> Ordering {
    let min = |run: &Run| run.columns.get(column).and_then(|column| column.min.clone());
    match (min(a), min(b)) {
        (Some(a), Some(b)) => {
            compare(&a, &b, schema.field(column).data_type()).unwrap_or(Ordering::Equal)
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// Returns how many leading columns stay in order when `b` is read after `a`.
fn proven_columns(a: &Run, b: &Run, sort_columns: &[usize], schema: &Schema) -> usize {
    for (position, &index) in sort_columns.iter().enumerate() {
        let (Some(first), Some(second)) = (a.columns.get(index), b.columns.get(index)) else {
            return position;
        };
        let data_type = schema.field(index).data_type();
        // NULLs are last: whatever follows them would have to be NULL, which is not looked into.
        let (Some(end), Some(start), 0) = (&first.max, &second.min, first.null_count) else {
            return position;
        };
        match compare(end, start, data_type) {
            Some(Ordering::Less) => return sort_columns.len(),
            // Floats have two zeros and one bound for both.
            Some(Ordering::Equal) if !data_type.is_floating() => {
                if !(is_constant(first) && is_constant(second)) {
                    return position + 1;
                }
            }
            _ => return position,
        }
    }
    sort_columns.len()
}

/// Returns whether every row of the run has the same value in the column.
fn is_constant(column: &ColumnStatistics) -> bool {
    let exact = match &column.min {
        Some(StatisticsValue::Text(text)) => is_exact_text(text),
        Some(_) => true,
        None => false,
    };
    exact && column.null_count == 0 && column.min == column.max
}

fn compare(a: &StatisticsValue, b: &StatisticsValue, data_type: &DataType) -> Option<Ordering> {
    scalar(a, data_type)?.partial_cmp(&scalar(b, data_type)?)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;
    use crate::ids::{RunId, SliceId};

    fn run(columns: &[(i64, i64, u64)]) -> Run {
        let column = |&(min, max, null_count): &(i64, i64, u64)| ColumnStatistics {
            min: Some(StatisticsValue::Integer(min)),
            max: Some(StatisticsValue::Integer(max)),
            null_count,
            distinct_count: 0,
            trailing_blanks: false,
            ..ColumnStatistics::default()
        };
        Run {
            id: RunId::random(),
            slice: SliceId(0),
            home: None,
            row_count: 100,
            bytes: 1,
            columns: columns.iter().map(column).collect(),
            checksum: None,
            is_full: false,
            deletes: Vec::new(),
            inline: None,
        }
    }

    fn proven(runs: &[Run]) -> (Vec<i64>, usize) {
        let fields = ["a", "b"].map(|name| Field::new(name, DataType::Int64, true));
        let schema = Schema::new(fields.to_vec());
        let mut order = runs.iter().collect::<Vec<_>>();
        let proven = order_runs(&mut order, &[0, 1], &schema);
        let starts = order.iter().map(|run| match run.columns[0].min {
            Some(StatisticsValue::Integer(min)) => min,
            _ => i64::MAX,
        });
        (starts.collect(), proven)
    }

    #[test]
    fn only_what_the_bounds_prove_is_claimed() {
        // Apart: the whole key.
        assert_eq!(
            proven(&[run(&[(5, 9, 0), (0, 9, 0)]), run(&[(1, 4, 0), (0, 9, 0)])]),
            (vec![1, 5], 2)
        );
        // Touching: the first column only.
        assert_eq!(
            proven(&[run(&[(1, 5, 0), (0, 9, 0)]), run(&[(5, 9, 0), (0, 9, 0)])]),
            (vec![1, 5], 1)
        );
        // Overlapping: nothing.
        assert_eq!(proven(&[run(&[(1, 6, 0), (0, 9, 0)]), run(&[(5, 9, 0), (0, 9, 0)])]).1, 0);
        // One value in the first column: the second decides.
        assert_eq!(proven(&[run(&[(1, 1, 0), (5, 9, 0)]), run(&[(1, 1, 0), (0, 4, 0)])]).1, 2);
        assert_eq!(proven(&[run(&[(1, 1, 0), (5, 9, 0)]), run(&[(1, 1, 0), (0, 7, 0)])]).1, 1);
        // NULLs end the first run, so nothing may follow it.
        assert_eq!(proven(&[run(&[(1, 4, 3), (0, 9, 0)]), run(&[(5, 9, 0), (0, 9, 0)])]).1, 0);
        // NULLs at the very end are where they belong.
        assert_eq!(proven(&[run(&[(1, 4, 0), (0, 9, 0)]), run(&[(5, 9, 3), (0, 9, 0)])]).1, 2);
        assert_eq!(proven(&[run(&[(1, 4, 0), (0, 9, 0)])]).1, 2);
    }
}
