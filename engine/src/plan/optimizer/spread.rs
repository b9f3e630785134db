//! Which part of a column's rows passes a condition, by what ANALYZE found out of its values: the most common ones are
//! known one by one, the others by a histogram.
//!
//! ```text
//!  0 ──────────────── rows in the order of the column's values ───────────────┬─ NULLs ─ 1
//!          └─── window: what conditions have left so far ───┘
//! ```
//!
//! Two bounds of one column narrow one window: they are not independent.

use std::sync::Arc;

use arrow::{
    array::{BooleanArray, Scalar, StringArray},
    compute::{ilike, like},
    datatypes::DataType,
};
use datafusion::{common::ScalarValue, logical_expr::Operator};

use super::cardinality::{PATTERN_SELECTIVITY, number};
use crate::storage::{ColumnSummary, run::StatisticsValue};

/// With so many bounds a histogram says of a pattern what its rows do (PostgreSQL's `histogram_selectivity`).
const PATTERN_BOUNDS: f64 = 100.0;
/// Texts that may be longer than they are kept are no sample for patterns: their ends are missing.
const CUT_TEXT_BYTES_MIN: usize = 60;

/// How the values of a column are spread.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    summary: Arc<ColumnSummary>,
    data_type: DataType,
    /// From where to where rows are left, as parts of all rows in the order of their values.
    window: (f64, f64),
    /// The part of all rows that is left: at first with NULLs, then what the window holds.
    kept: f64,
}

/// A value on the line of values.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Point<'a> {
    Number(f64),
    Text(&'a str),
}

impl Spread {
    pub(super) fn new(summary: Arc<ColumnSummary>, data_type: DataType) -> Self {
        let window = (0.0, 1.0 - summary.values.null_fraction);
        Self { summary, data_type, window, kept: 1.0 }
    }

    /// Returns the part of the rows that are left that pass `column op value`, and keeps those; `None` if nothing is
    /// known of it. `domain` is how many different values there are.
    pub(super) fn compare(
        &mut self,
        op: Operator,
        value: &ScalarValue,
        domain: f64,
    ) -> Option<f64> {
        let value = value.cast_to(&self.data_type).ok()?;
        let at = point_of_literal(&value)?;
        let (from, to) = self.window;
        let window = match op {
            Operator::Eq => {
                let start = self.below(at, false);
                (start, start + self.equal(at, domain))
            }
            Operator::NotEq => {
                let others = (to - from - self.equal(at, domain)).max(0.0);
                return Some(self.keep((from, to), others));
            }
            Operator::Lt => (from, self.below(at, false)),
            Operator::LtEq => (from, self.below(at, true)),
            Operator::Gt => (self.below(at, true), to),
            Operator::GtEq => (self.below(at, false), to),
            _ => return None,
        };
        let window = (window.0.max(from), window.1.min(to));
        Some(self.keep(window, (window.1 - window.0).max(0.0)))
    }

    /// Returns the part of the rows that are left that match a LIKE pattern; `None` if nothing is known of it.
    pub(super) fn like(&self, pattern: &str, ignores_case: bool, domain: f64) -> Option<f64> {
        let (prefix, rest) = prefix_of(pattern)?;
        if rest.is_empty() && !ignores_case {
            return Some(self.part(self.equal(Point::Text(&prefix), domain)));
        }
        let with_prefix = match (ignores_case, next_text(&prefix)) {
            (false, Some(next)) => {
                self.below(Point::Text(&next), false) - self.below(Point::Text(&prefix), false)
            }
            _ => 1.0,
        };
        if rest == "%" && !ignores_case && !prefix.is_empty() {
            return Some(self.part(with_prefix));
        }
        Some(self.part(self.matching(pattern, ignores_case)?.min(with_prefix)))
    }

    /// Keeps a part of all rows; returns which part it is of those that were left.
    fn keep(&mut self, window: (f64, f64), share: f64) -> f64 {
        let part = self.part(share);
        self.window = window;
        self.kept = share;
        part
    }

    fn part(&self, share: f64) -> f64 {
        if self.kept > 0.0 { (share / self.kept).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn point<'a>(&self, value: &'a StatisticsValue) -> Option<Point<'a>> {
        Some(match value {
            StatisticsValue::Boolean(value) => Point::Number(f64::from(u8::from(*value))),
            StatisticsValue::Integer(value) => Point::Number(*value as f64),
            StatisticsValue::Float(value) => Point::Number(*value),
            StatisticsValue::Text(text) => Point::Text(text),
            StatisticsValue::Decimal(unscaled) => {
                let DataType::Decimal128(_, scale) = self.data_type else { return None };
                Point::Number(unscaled.parse::<f64>().ok()? / 10_f64.powi(i32::from(scale)))
            }
        })
    }

    fn common(&self) -> impl Iterator<Item = (Point<'_>, f64)> {
        let common = self.summary.values.most_common.iter();
        common.filter_map(move |(value, share)| Some((self.point(value)?, *share)))
    }

    fn bounds(&self) -> Vec<Point<'_>> {
        self.summary.values.bounds.iter().filter_map(|bound| self.point(bound)).collect()
    }

    /// Returns the part of all rows whose value is smaller, or the same if that `counts`.
    fn below(&self, at: Point<'_>, counts: bool) -> f64 {
        let is_below = |value: Point<'_>| value < at || counts && value == at;
        let common = self.common().filter(|(value, _)| is_below(*value));
        let common: f64 = common.map(|(_, share)| share).sum();
        let bounds = self.bounds();
        let last = bounds.len().saturating_sub(1);
        let above = bounds.partition_point(|bound| is_below(*bound));
        let part = match above.checked_sub(1) {
            None => 0.0,
            Some(bucket) if bucket >= last => 1.0,
            Some(bucket) => {
                let within = fraction(bounds[bucket], bounds[bucket + 1], at);
                (bucket as f64 + within) / last as f64
            }
        };
        common + part * self.summary.values.histogram_fraction()
    }

    /// Returns the part of all rows that have this value.
    fn equal(&self, at: Point<'_>, domain: f64) -> f64 {
        if let Some((_, share)) = self.common().find(|(value, _)| *value == at) {
            return share;
        }
        let bounds = self.bounds();
        let last = bounds.len().saturating_sub(1).max(1);
        let [start, end] = [false, true]
            .map(|counts| bounds.partition_point(|bound| *bound < at || counts && *bound == at));
        if end == 0 || start >= bounds.len() {
            // Not seen: it may be rarer than a sample shows.
            return 1.0 / self.summary.row_count.max(1) as f64;
        }
        let bucket = self.summary.values.histogram_fraction() / last as f64;
        if end - start > 1 {
            // Whole buckets hold nothing else.
            return bucket * (end - start - 1) as f64;
        }
        let others = (domain - self.summary.values.most_common.len() as f64).max(1.0);
        let at = (end - 1).min(last - 1);
        bucket / (others * Self::width(&bounds, at)).max(1.0)
    }

    /// Returns which part of the values between all bounds is between those of a bucket: numbers are taken to lie as
    /// close to each other everywhere, texts to be as many in every bucket.
    fn width(bounds: &[Point<'_>], bucket: usize) -> f64 {
        let number = |at: usize| match bounds.get(at) {
            Some(Point::Number(number)) => Some(*number),
            _ => None,
        };
        let last = bounds.len() - 1;
        let width = |from: usize, to: usize| Some(number(to)? - number(from)?);
        match (width(bucket, bucket + 1), width(0, last)) {
            (Some(width), Some(all)) if all > 0.0 => width / all,
            _ => 1.0 / last.max(1) as f64,
        }
    }

    /// Returns the part of all rows that match a pattern, by the values that are kept.
    fn matching(&self, pattern: &str, ignores_case: bool) -> Option<f64> {
        let values = &self.summary.values;
        let text = |value: &StatisticsValue| match value {
            StatisticsValue::Text(text) => Some(text.clone()),
            _ => None,
        };
        let common: Option<Vec<String>> = values.most_common.iter().map(|(v, _)| text(v)).collect();
        let matches = matches_of(common?, pattern, ignores_case)?;
        let shares = values.most_common.iter().zip(&matches);
        let common: f64 = shares.filter(|(_, m)| *m == Some(true)).map(|((_, s), _)| s).sum();
        let bounds: Option<Vec<String>> = values.bounds.iter().map(text).collect();
        let bounds = bounds?;
        let is_cut = bounds.iter().any(|bound| bound.len() >= CUT_TEXT_BYTES_MIN);
        let (mut weight, mut found) = (0.0, 0.0);
        if !is_cut && !bounds.is_empty() {
            let count = bounds.len() as f64;
            weight = (count / PATTERN_BOUNDS).min(1.0);
            let matches = matches_of(bounds, pattern, ignores_case)?;
            found = matches.iter().filter(|m| *m == Some(true)).count() as f64 / count;
        }
        let others = found * weight + PATTERN_SELECTIVITY * (1.0 - weight);
        Some(common + others * values.histogram_fraction())
    }
}

fn matches_of(texts: Vec<String>, pattern: &str, ignores_case: bool) -> Option<BooleanArray> {
    let pattern = Scalar::new(StringArray::from(vec![pattern]));
    let texts = StringArray::from(texts);
    if ignores_case { ilike(&texts, &pattern).ok() } else { like(&texts, &pattern).ok() }
}

fn point_of_literal(value: &ScalarValue) -> Option<Point<'_>> {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            Some(Point::Text(text))
        }
        ScalarValue::Boolean(Some(value)) => Some(Point::Number(f64::from(u8::from(*value)))),
        value => number(value).map(Point::Number),
    }
}

/// Returns how far a value is from the lower to the upper bound of its bucket, 0 to 1.
fn fraction(low: Point<'_>, high: Point<'_>, at: Point<'_>) -> f64 {
    let (low, high, at) = match (low, high, at) {
        (Point::Number(low), Point::Number(high), Point::Number(at)) => (low, high, at),
        (Point::Text(low), Point::Text(high), Point::Text(at)) => {
            let shared = low.bytes().zip(high.bytes()).take_while(|(a, b)| a == b).count();
            (digits(low, shared), digits(high, shared), digits(at, shared))
        }
        _ => return 0.5,
    };
    if high > low { ((at - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
}

/// Returns the bytes of a text after the first few as the digits of a number between 0 and 1.
fn digits(text: &str, start: usize) -> f64 {
    let bytes = text.as_bytes().get(start..).unwrap_or_default();
    bytes.iter().take(8).rev().fold(0.0, |rest, byte| (rest + f64::from(*byte)) / 256.0)
}

/// Splits a pattern before its first wildcard; `None` if it ends within an escape.
fn prefix_of(pattern: &str) -> Option<(String, &str)> {
    let mut prefix = String::new();
    let mut rest = pattern.chars();
    loop {
        let at = rest.as_str();
        match rest.next() {
            None | Some('%' | '_') => return Some((prefix, at)),
            Some('\\') => prefix.push(rest.next()?),
            Some(character) => prefix.push(character),
        }
    }
}

/// Returns the first text after all those that start with a prefix; `None` if there is none.
fn next_text(prefix: &str) -> Option<String> {
    let mut next = prefix.to_owned();
    while let Some(last) = next.pop() {
        if let Some(higher) = char::from_u32(u32::from(last) + 1) {
            next.push(higher);
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{ArrayRef, Int64Array, RecordBatch, StringViewArray},
        datatypes::{Field, Schema},
    };

    use super::*;
    use crate::storage::{DistinctEstimator, RowSample, SAMPLE_ROWS_MAX};

    /// Returns what ANALYZE finds of a column, and how many values it has.
    fn analyzed(column: ArrayRef) -> (Spread, f64) {
        let data_type = column.data_type().clone();
        let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
        let mut distinct = DistinctEstimator::default();
        distinct.add_array(column.as_ref()).unwrap();
        let domain = distinct.estimate() as f64;
        let mut sample = RowSample::new(SAMPLE_ROWS_MAX);
        sample.add(&RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap()).unwrap();
        let mut of_columns = ColumnSummary::of_rows(&schema, vec![sample], vec![distinct]).unwrap();
        (Spread::new(Arc::new(of_columns.remove(0)), data_type), domain)
    }

    /// Values as they often are: the n-th most common one comes n times less often than the most common one.
    fn skewed(rows: usize) -> Vec<i64> {
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let uniform = (row as f64 + 0.5) / rows as f64;
            values.push(10_000_f64.powf(uniform) as i64);
        }
        values
    }

    fn is_close(estimated: f64, rows: usize, true_count: usize, factor: f64) {
        let estimated = estimated * rows as f64;
        let truth = (true_count as f64).max(1.0);
        assert!(
            estimated <= truth * factor && estimated * factor >= truth,
            "{estimated} rows estimated, {truth} are there"
        );
    }

    #[test]
    fn estimates_of_skewed_numbers_are_close() {
        let values = skewed(200_000);
        let rows = values.len();
        let (spread, domain) = analyzed(Arc::new(Int64Array::from(values.clone())));
        let count = |passes: &dyn Fn(i64) -> bool| values.iter().filter(|v| passes(**v)).count();
        let part = |op, value: i64| {
            let value = ScalarValue::Int64(Some(value));
            spread.clone().compare(op, &value, domain).unwrap()
        };
        for value in [1, 2, 5, 17, 100, 900, 5_000] {
            is_close(part(Operator::Eq, value), rows, count(&|v| v == value), 4.0);
            is_close(part(Operator::Lt, value * 2), rows, count(&|v| v < value * 2), 1.1);
            is_close(part(Operator::GtEq, value), rows, count(&|v| v >= value), 1.1);
            let not = part(Operator::NotEq, value);
            is_close(not, rows, count(&|v| v != value), 1.01);
        }
        // Spread evenly they would be a hundredth.
        is_close(part(Operator::Lt, 100), rows, count(&|v| v < 100), 1.05);
        assert!(part(Operator::Gt, 10_000) < 0.001);
    }

    #[test]
    fn two_bounds_narrow_one_window() {
        let values: Vec<i64> = (0..100_000).collect();
        let (mut spread, domain) = analyzed(Arc::new(Int64Array::from(values)));
        let value = |value: i64| ScalarValue::Int64(Some(value));
        let above = spread.compare(Operator::GtEq, &value(50_000), domain).unwrap();
        let both = above * spread.compare(Operator::Lt, &value(51_000), domain).unwrap();
        is_close(both, 100_000, 1_000, 1.2);
        let none = spread.compare(Operator::Lt, &value(10_000), domain).unwrap();
        assert_eq!(none, 0.0);
    }

    #[test]
    fn nulls_pass_nothing() {
        let values = (0..10_000_i64).map(|row| (row % 4 == 0).then_some(row));
        let (spread, domain) = analyzed(Arc::new(values.collect::<Int64Array>()));
        let value = ScalarValue::Int64(Some(-1));
        let mut above = spread.clone();
        is_close(above.compare(Operator::Gt, &value, domain).unwrap(), 10_000, 2_500, 1.01);
        let mut other = spread;
        is_close(other.compare(Operator::NotEq, &value, domain).unwrap(), 10_000, 2_500, 1.01);
    }

    #[test]
    fn estimates_of_texts_are_close() {
        let word = ["quick", "brown", "fox", "lazy", "dog"];
        let texts =
            |row: usize| format!("{:05} {} {}", row * 7_919 % 20_011, word[row % 5], word[row % 3]);
        let column = StringViewArray::from_iter_values((0..60_000).map(texts));
        let (spread, domain) = analyzed(Arc::new(column));
        let count =
            |passes: &dyn Fn(&str) -> bool| (0..60_000).filter(|r| passes(&texts(*r))).count();
        let part = |pattern: &str| spread.like(pattern, false, domain).unwrap();
        is_close(part("01%"), 60_000, count(&|t| t.starts_with("01")), 1.5);
        is_close(part("1%"), 60_000, count(&|t| t.starts_with('1')), 1.2);
        is_close(part("%lazy%"), 60_000, count(&|t| t.contains("lazy")), 3.0);
        let value = ScalarValue::Utf8View(Some("1".to_owned()));
        let above = spread.clone().compare(Operator::Gt, &value, domain).unwrap();
        is_close(above, 60_000, count(&|t| t > "1"), 1.1);
        let words = StringViewArray::from_iter_values((0..9_000).map(|row| word[row % 3]));
        let (spread, domain) = analyzed(Arc::new(words));
        let part = |pattern: &str| spread.like(pattern, false, domain).unwrap();
        is_close(part("%o%"), 9_000, 6_000, 1.01);
        is_close(part("fox"), 9_000, 3_000, 1.01);
        is_close(part("q_ick%"), 9_000, 3_000, 1.01);
        assert!(part("cat") < 0.001);
    }

    #[test]
    fn a_pattern_is_split_before_its_first_wildcard() {
        assert_eq!(prefix_of("ab%c"), Some(("ab".to_owned(), "%c")));
        assert_eq!(prefix_of("a\\%b_"), Some(("a%b".to_owned(), "_")));
        assert_eq!(prefix_of("abc"), Some(("abc".to_owned(), "")));
        assert_eq!(prefix_of("a\\"), None);
        assert_eq!(next_text("ab"), Some("ac".to_owned()));
        assert_eq!(next_text(""), None);
    }
}
