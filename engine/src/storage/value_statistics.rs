//! How the values of a column are spread, as ANALYZE finds it in a sample: what PostgreSQL keeps in `pg_statistic`.
//!
//! ```text
//!  values ─▶ the most common ones, each with its share
//!         └▶ all others: an equi-depth histogram
//!            bounds  b0 ──── b1 ─ b2 ─────────── b3      as many rows between any two neighbours
//! ```

use std::{cmp::Ordering, ops::Range};

use arrow::{
    array::{Array, ArrayRef, UInt32Array},
    compute::{partition, sort_to_indices, take},
    error::ArrowError,
};
use serde::{Deserialize, Serialize};

use super::{
    row_sample::beginning, run::StatisticsValue, run_order::compare_bounds, sort::SORT_OPTIONS,
};

/// Most common values at most, and buckets of the histogram of the others.
const VALUES_MAX: usize = 64;
/// A value is common if it has a quarter of the rows of a bucket: fewer are too few to count in a sample.
const COMMON_SHARE_MIN: f64 = 0.25 / VALUES_MAX as f64;
/// And if it is so much more frequent than the average value.
const COMMON_FACTOR: f64 = 1.25;
/// Texts are cut to so many bytes as bounds.
const BOUND_BYTES_MAX: usize = 64;

/// What is known of the values of a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValueStatistics {
    /// Part of the rows without a value.
    pub null_fraction: f64,
    /// Bytes of a value.
    pub average_width_bytes: f64,
    /// The most common values with their parts of all rows, the most common first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub most_common: Vec<(StatisticsValue, f64)>,
    /// The bounds of the histogram of all other values, from the smallest to the largest; none if there are no others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<StatisticsValue>,
    /// How far the order of the values is that of the rows: 1 if it is, -1 if it is the reverse, 0 if it has nothing
    /// to do with it; `None` where there are no two values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<f64>,
}

impl ValueStatistics {
    /// Returns what a sample of a column says of everything but the order of its rows.
    pub(super) fn of_sample(
        column: &ArrayRef,
        average_width_bytes: f64,
    ) -> Result<Self, ArrowError> {
        let rows = column.len();
        let value_count = rows - column.null_count();
        let mut known = Self {
            null_fraction: column.null_count() as f64 / rows.max(1) as f64,
            average_width_bytes,
            ..Self::default()
        };
        let (_, sorted, groups) = in_order(column)?;
        let value = |at: usize| StatisticsValue::of(sorted.as_ref(), at);
        let common = common_groups(&groups, value_count);
        for group in common.iter().filter_map(|at| groups.get(*at)) {
            let share = group.len() as f64 / rows as f64;
            known.most_common.extend(value(group.start).map(|value| (value, share)));
        }
        let mut others = (0..groups.len()).filter(|at| !common.contains(at)).peekable();
        if others.peek().is_some() {
            let rows: Vec<usize> = others.flat_map(|at| groups[at].clone()).collect();
            let buckets = VALUES_MAX.min((rows.len() - 1).max(1));
            let bound = |at: usize| value(rows[(rows.len() - 1) * at / buckets]).map(cut);
            known.bounds = (0..=buckets).filter_map(bound).collect();
        }
        Ok(known)
    }

    /// Returns what is known of the rows of both together; `rows` are how many each has.
    pub(super) fn merged(&self, other: &Self, rows: [u64; 2]) -> Self {
        let [mine, others] = rows.map(|rows| rows as f64);
        let all = (mine + others).max(1.0);
        let mean = |a: f64, b: f64| (a * mine + b * others) / all;
        let mut merged = Self {
            null_fraction: mean(self.null_fraction, other.null_fraction),
            average_width_bytes: mean(self.average_width_bytes, other.average_width_bytes),
            correlation: match (self.correlation, other.correlation) {
                (Some(a), Some(b)) => Some(mean(a, b)),
                (a, b) => a.or(b),
            },
            ..Self::default()
        };
        let mut common = weighted(&self.most_common, mine / all, &other.most_common, others / all);
        common.sort_by(|a, b| b.1.total_cmp(&a.1));
        let has_others = !self.bounds.is_empty() || !other.bounds.is_empty();
        let keeps = |(at, value): &(usize, &(StatisticsValue, f64))| {
            *at < VALUES_MAX && (!has_others || value.1 >= COMMON_SHARE_MIN)
        };
        let kept = common.iter().enumerate().take_while(keeps).count();
        let mut points = common.split_off(kept);
        points.extend(self.histogram_points(mine / all));
        points.extend(other.histogram_points(others / all));
        merged.most_common = common;
        merged.bounds = bounds_of(points);
        merged
    }

    /// Returns the part of all rows that is in the histogram.
    pub fn histogram_fraction(&self) -> f64 {
        let common: f64 = self.most_common.iter().map(|(_, share)| share).sum();
        if self.bounds.is_empty() { 0.0 } else { (1.0 - self.null_fraction - common).max(0.0) }
    }

    /// Returns the bounds, each with half of what its buckets hold.
    fn histogram_points(&self, factor: f64) -> impl Iterator<Item = (StatisticsValue, f64)> + '_ {
        let last = self.bounds.len().saturating_sub(1);
        let half = self.histogram_fraction() * factor / (2 * last.max(1)) as f64;
        self.bounds.iter().enumerate().map(move |(at, bound)| {
            let is_end = at == 0 || at == last;
            (bound.clone(), if is_end { half } else { 2.0 * half })
        })
    }
}

/// Returns the groups of equal values that are common, the largest first: all, if they are few and not all different.
fn common_groups(groups: &[Range<usize>], value_count: usize) -> Vec<usize> {
    if groups.len() == value_count {
        return Vec::new();
    }
    let average = value_count as f64 / groups.len() as f64;
    let least = (average * COMMON_FACTOR).max(value_count as f64 * COMMON_SHARE_MIN);
    let is_common =
        |group: &Range<usize>| groups.len() <= VALUES_MAX || group.len() as f64 >= least;
    let mut common: Vec<usize> =
        groups.iter().enumerate().filter(|(_, group)| is_common(group)).map(|(at, _)| at).collect();
    common.sort_by_key(|at| std::cmp::Reverse(groups[*at].len()));
    common.truncate(VALUES_MAX);
    common
}

fn cut(value: StatisticsValue) -> StatisticsValue {
    match value {
        StatisticsValue::Text(text) => {
            StatisticsValue::Text(beginning(&text, BOUND_BYTES_MAX).to_owned())
        }
        value => value,
    }
}

/// Returns the rows with values in the order of these, the values themselves, and which of them are equal.
fn in_order(column: &ArrayRef) -> Result<(UInt32Array, ArrayRef, Vec<Range<usize>>), ArrowError> {
    // NULLs come last.
    let value_count = column.len() - column.null_count();
    let order = sort_to_indices(column.as_ref(), Some(SORT_OPTIONS), Some(value_count))?;
    let sorted = take(column.as_ref(), &order, None)?;
    let groups = partition(&[ArrayRef::clone(&sorted)])?.ranges();
    Ok((order, sorted, groups))
}

/// Returns how far the order of a column's values is that of its rows: Pearson's coefficient of their ranks and places.
pub(super) fn correlation(column: &ArrayRef) -> Result<Option<f64>, ArrowError> {
    let (order, _, groups) = in_order(column)?;
    let rows = order.values();
    let count = rows.len() as f64;
    let mean = rows.iter().map(|row| f64::from(*row)).sum::<f64>() / count;
    let (mut both, mut ranks, mut places) = (0.0, 0.0, 0.0);
    for group in groups {
        // Equal values share their ranks.
        let rank = (group.start + group.end) as f64 / 2.0 - count / 2.0;
        for row in rows.get(group).unwrap_or_default() {
            let place = f64::from(*row) - mean;
            both += rank * place;
            ranks += rank * rank;
            places += place * place;
        }
    }
    let coefficient = both / (ranks.sqrt() * places.sqrt());
    Ok(coefficient.is_finite().then(|| coefficient.clamp(-1.0, 1.0)))
}

/// Returns values with the sums of their weighted shares.
fn weighted(
    a: &[(StatisticsValue, f64)],
    a_weight: f64,
    b: &[(StatisticsValue, f64)],
    b_weight: f64,
) -> Vec<(StatisticsValue, f64)> {
    let mut sums: Vec<_> = a.iter().map(|(v, share)| (v.clone(), share * a_weight)).collect();
    for (value, share) in b {
        match sums.iter_mut().find(|(known, _)| known == value) {
            Some((_, sum)) => *sum += share * b_weight,
            None => sums.push((value.clone(), share * b_weight)),
        }
    }
    sums
}

/// Returns the bounds of a histogram of values that stand for so many rows each.
fn bounds_of(mut points: Vec<(StatisticsValue, f64)>) -> Vec<StatisticsValue> {
    points.sort_by(|a, b| compare_bounds(&a.0, &b.0).unwrap_or(Ordering::Equal));
    let buckets = VALUES_MAX.min(points.len().saturating_sub(1).max(1));
    let all: f64 = points.iter().map(|(_, weight)| weight).sum();
    let (mut bounds, mut sum) = (Vec::new(), 0.0);
    for (value, weight) in &points {
        sum += weight;
        while bounds.len() < buckets && sum >= all * bounds.len() as f64 / buckets as f64 {
            bounds.push(cut(value.clone()));
        }
    }
    bounds.extend(points.pop().map(|(value, _)| cut(value)));
    bounds
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    fn of(values: impl IntoIterator<Item = Option<i64>>) -> ValueStatistics {
        let column: ArrayRef = Arc::new(Int64Array::from_iter(values));
        let correlation = correlation(&column).unwrap();
        ValueStatistics { correlation, ..ValueStatistics::of_sample(&column, 8.0).unwrap() }
    }

    fn integers(values: &[StatisticsValue]) -> Vec<i64> {
        let integer = |value: &StatisticsValue| match value {
            StatisticsValue::Integer(value) => *value,
            other => panic!("{other:?}"),
        };
        values.iter().map(integer).collect()
    }

    #[test]
    fn few_values_are_all_common() {
        let known = of((0..1_000).map(|n| (n % 10 > 0).then_some(n % 4)));
        assert_eq!(known.null_fraction, 0.1);
        assert_eq!(known.most_common.len(), 4);
        assert_eq!(known.most_common[0].0, StatisticsValue::Integer(1));
        let common: f64 = known.most_common.iter().map(|(_, share)| share).sum();
        assert!((common - 0.9).abs() < 1e-9 && known.bounds.is_empty());
    }

    #[test]
    fn values_that_differ_make_a_histogram_of_equal_parts() {
        let known = of((0..6_401).map(|n| Some(n * n)));
        assert!(known.most_common.is_empty());
        assert_eq!(
            integers(&known.bounds),
            (0..=64).map(|b| (b * 100) * (b * 100)).collect::<Vec<_>>()
        );
        assert_eq!(known.correlation, Some(1.0));
        assert_eq!(of((0..500).rev().map(Some)).correlation, Some(-1.0));
        assert_eq!(of([Some(7), Some(7)]).correlation, None);
    }

    #[test]
    fn a_common_value_is_apart_from_the_histogram() {
        let known = of((0..10_000).map(|n| Some(if n % 2 == 0 { 5_000 } else { n })));
        assert_eq!(known.most_common, [(StatisticsValue::Integer(5_000), 0.5)]);
        assert_eq!(known.bounds.len(), VALUES_MAX + 1);
        assert!(known.correlation.unwrap() > 0.5);
    }

    #[test]
    fn nothing_is_known_of_the_values_of_an_empty_or_empty_looking_column() {
        assert_eq!(of([]).null_fraction, 0.0);
        let known = of([None, None]);
        assert_eq!((known.null_fraction, known.bounds.len()), (1.0, 0));
    }

    #[test]
    fn statistics_of_parts_together_are_about_those_of_the_whole() {
        let skewed = |n: i64| Some(if n % 5 == 0 { 3 } else { n * 7 % 20_000 });
        let (first, second) = (of((0..10_000).map(skewed)), of((10_000..40_000).map(skewed)));
        let merged = first.merged(&second, [10_000, 30_000]);
        let whole = of((0..40_000).map(skewed));
        assert_eq!(merged.most_common.len(), 1);
        assert!((merged.most_common[0].1 - 0.2).abs() < 0.01);
        assert_eq!(merged.bounds.len(), whole.bounds.len());
        for (merged, whole) in integers(&merged.bounds).iter().zip(integers(&whole.bounds)) {
            // Two buckets of 64.
            assert!((merged - whole).abs() <= 2 * 20_000 / 64, "{merged} {whole}");
        }
    }

    #[test]
    fn a_long_text_is_cut_as_a_bound() {
        let texts = (0..100).map(|n| format!("{n:03}{}", "é".repeat(100)));
        let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        let known = ValueStatistics::of_sample(&column, 203.0).unwrap();
        assert_eq!(known.bounds[0], StatisticsValue::Text(format!("000{}", "é".repeat(30))));
    }
}
