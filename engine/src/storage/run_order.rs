//! Which runs can be read one after the other, as far as their bounds of one column say.
//!
//! Within a run rows are in the order of the sort key, NULLs last. What is asked here is about its first
//! column only: runs that meet in one value are in order.

use std::cmp::Ordering;

use super::run::{ColumnStatistics, Run, StatisticsValue};

/// Compares two bounds of one column; `None` if they are of different kinds.
pub fn compare_bounds(a: &StatisticsValue, b: &StatisticsValue) -> Option<Ordering> {
    match (a, b) {
        (StatisticsValue::Boolean(a), StatisticsValue::Boolean(b)) => Some(a.cmp(b)),
        (StatisticsValue::Integer(a), StatisticsValue::Integer(b)) => Some(a.cmp(b)),
        (StatisticsValue::Float(a), StatisticsValue::Float(b)) => a.partial_cmp(b),
        (StatisticsValue::Text(a), StatisticsValue::Text(b)) => Some(a.cmp(b)),
        (StatisticsValue::Decimal(a), StatisticsValue::Decimal(b)) => {
            Some(a.parse::<i128>().ok()?.cmp(&b.parse::<i128>().ok()?))
        }
        _ => None,
    }
}

/// Puts runs in the order of their smallest values; those without one come last.
pub fn compare_starts<'a>(a: &'a Run, b: &'a Run, column: usize) -> Ordering {
    let min = |run: &'a Run| run.columns.get(column).and_then(|column| column.min.as_ref());
    let order = match (min(a), min(b)) {
        (Some(a), Some(b)) => compare_bounds(a, b).unwrap_or(Ordering::Equal),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    order.then_with(|| a.id.cmp(&b.id))
}

/// How far the runs that were taken reach: what comes next has to start there or later.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    max: Option<StatisticsValue>,
    /// NULLs end the runs: only NULLs may follow.
    has_nulls: bool,
    /// Nothing is known of the runs' end.
    is_unknown: bool,
}

impl Reach {
    /// Returns whether a run can be read after those that were added.
    pub fn is_before(&self, run: &Run, column: usize) -> bool {
        let Some(bounds) = run.columns.get(column) else { return false };
        if is_all_null(run, bounds) {
            return true;
        }
        if self.has_nulls || self.is_unknown {
            return false;
        }
        match (&self.max, &bounds.min) {
            (None, _) => true,
            (Some(end), Some(start)) => {
                compare_bounds(end, start).is_some_and(|order| order.is_le())
            }
            (Some(_), None) => false,
        }
    }

    /// Adds a run, wherever it lies.
    pub fn add(&mut self, run: &Run, column: usize) {
        let Some(bounds) = run.columns.get(column) else {
            self.is_unknown = true;
            return;
        };
        self.has_nulls |= bounds.null_count > 0;
        match (&self.max, &bounds.max) {
            (_, None) => self.is_unknown |= !is_all_null(run, bounds),
            (Some(end), Some(max)) if compare_bounds(end, max).is_some_and(|o| o.is_ge()) => {}
            (_, Some(max)) => self.max = Some(max.clone()),
        }
    }
}

fn is_all_null(run: &Run, bounds: &ColumnStatistics) -> bool {
    bounds.null_count == run.row_count
}

/// Returns the runs that can be read in order without a merge: the largest ones first, then whatever
/// fits between them. They come in that order.
pub fn in_order<'a>(runs: &[&'a Run], column: usize) -> Vec<&'a Run> {
    let mut by_size = runs.to_vec();
    by_size.sort_by_key(|run| std::cmp::Reverse(run.row_count));
    let mut taken: Vec<&Run> = Vec::new();
    let is_before = |first: &Run, second: &Run| {
        let mut reach = Reach::default();
        reach.add(first, column);
        reach.is_before(second, column)
    };
    for run in by_size {
        // The runs that were taken are in order: either all up to a place are before this one, or none fits.
        let place = taken.partition_point(|other| is_before(other, run));
        if taken.get(place).is_none_or(|next| is_before(run, next)) {
            taken.insert(place, run);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RunId, SliceId};

    fn run(bounds: Option<(i64, i64)>, null_count: u64) -> Run {
        let column = ColumnStatistics {
            min: bounds.map(|(min, _)| StatisticsValue::Integer(min)),
            max: bounds.map(|(_, max)| StatisticsValue::Integer(max)),
            null_count,
            ..ColumnStatistics::default()
        };
        Run {
            id: RunId::random(),
            slice: SliceId(0),
            home: None,
            row_count: 10,
            bytes: 1,
            columns: vec![column],
            checksum: None,
            is_full: false,
            deletes: Vec::new(),
            inline: None,
        }
    }

    fn count_in_order(runs: &[Run]) -> usize {
        in_order(&runs.iter().collect::<Vec<_>>(), 0).len()
    }

    #[test]
    fn runs_that_meet_are_in_order_and_those_that_overlap_are_not() {
        let (low, high) = (run(Some((1, 5)), 0), run(Some((5, 9)), 0));
        assert_eq!(count_in_order(&[high.clone(), low.clone()]), 2);
        let across = run(Some((4, 6)), 0);
        assert_eq!(count_in_order(&[low, across, high]), 2);
    }

    #[test]
    fn nothing_but_nulls_follows_nulls() {
        let (low, high) = (run(Some((1, 4)), 3), run(Some((5, 9)), 0));
        assert_eq!(count_in_order(&[low.clone(), high.clone()]), 1);
        let nulls = run(None, 10);
        assert_eq!(count_in_order(&[nulls.clone(), low.clone()]), 2);
        assert_eq!(count_in_order(&[high, nulls, run(Some((9, 9)), 1)]), 3);
        // A run with values and no bounds fits nowhere beside others.
        assert_eq!(count_in_order(&[run(None, 0), low]), 1);
    }

    #[test]
    fn the_reach_is_that_of_the_run_that_goes_furthest() {
        let mut reach = Reach::default();
        reach.add(&run(Some((1, 9)), 0), 0);
        reach.add(&run(Some((2, 3)), 0), 0);
        assert!(!reach.is_before(&run(Some((4, 20)), 0), 0));
        assert!(reach.is_before(&run(Some((9, 20)), 0), 0));
    }
}
