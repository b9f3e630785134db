//! Compares the answer of a query with the published one.
//!
//! Numbers are equal within 1e-6 of their size or within 0.01, as the TPC-H specification allows
//! for (2.1.3.5); everything else is equal as text. The order of rows matters only where the
//! query's ORDER BY decides it, so both sides are sorted first and [`in_order`] checks the order
//! of the columns that decide.

use std::cmp::Ordering;

use anyhow::{Result, bail, ensure};

/// How far two numbers may be apart relative to their size.
const RELATIVE: f64 = 1e-6;
/// How far two numbers may be apart.
const ABSOLUTE: f64 = 0.01;

/// One column of an ORDER BY: its position and whether it descends.
#[derive(Debug, Clone, Copy)]
pub struct SortColumn {
    /// From 0.
    pub position: usize,
    /// DESC.
    pub descending: bool,
}

/// Reads rows separated by line ends with fields separated by `|`, after a header.
pub fn parse(text: &str) -> Vec<Vec<String>> {
    // An empty line is a row too: one column that is NULL.
    text.lines().skip(1).map(|line| line.split('|').map(ToOwned::to_owned).collect()).collect()
}

/// Checks that two answers have the same rows, in whatever order.
pub fn same_rows(mut found: Vec<Vec<String>>, mut expected: Vec<Vec<String>>) -> Result<()> {
    ensure!(found.len() == expected.len(), "{} rows, expected {}", found.len(), expected.len());
    found.sort_by(|left, right| compare_rows(left, right));
    expected.sort_by(|left, right| compare_rows(left, right));
    for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
        ensure!(
            found.len() == expected.len(),
            "row {row} has {} columns, expected {}",
            found.len(),
            expected.len()
        );
        for (found_value, expected_value) in found.iter().zip(expected) {
            if !same_value(found_value, expected_value) {
                bail!(
                    "row {row}: `{found_value}`, expected `{expected_value}`\nfound    {found:?}\nexpected {expected:?}"
                );
            }
        }
    }
    Ok(())
}

/// Checks that rows are in the order of these columns.
pub fn in_order(rows: &[Vec<String>], order: &[SortColumn]) -> Result<()> {
    for pair in rows.windows(2) {
        let ordering = order.iter().map(|column| {
            let ordering = compare_values(&pair[0][column.position], &pair[1][column.position]);
            if column.descending { ordering.reverse() } else { ordering }
        });
        let ordering = ordering.fold(Ordering::Equal, Ordering::then);
        ensure!(ordering != Ordering::Greater, "out of order: {:?} before {:?}", pair[0], pair[1]);
    }
    Ok(())
}

fn same_value(found: &str, expected: &str) -> bool {
    let (found, expected) = (found.trim_end(), expected.trim_end());
    if found == expected {
        return true;
    }
    match (found.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(found), Ok(expected)) => {
            let distance = (found - expected).abs();
            distance <= ABSOLUTE || distance <= RELATIVE * expected.abs()
        }
        _ => false,
    }
}

fn compare_rows(left: &[String], right: &[String]) -> Ordering {
    // Text first: numbers may differ a little between the two sides, and then sort differently.
    let texts = |row: &[String]| -> Vec<String> {
        row.iter().filter(|v| v.parse::<f64>().is_err()).map(|v| v.trim_end().to_owned()).collect()
    };
    texts(left).cmp(&texts(right)).then_with(|| {
        let pairs = left.iter().zip(right).map(|(left, right)| compare_values(left, right));
        pairs.fold(Ordering::Equal, Ordering::then)
    })
}

fn compare_values(left: &str, right: &str) -> Ordering {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.total_cmp(&right),
        _ => left.trim_end().cmp(right.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        parse(&format!("header\n{text}"))
    }

    #[test]
    fn numbers_may_differ_by_a_millionth() {
        assert!(same_rows(rows("a|1000000.0"), rows("a|1000000.9")).is_ok());
        assert!(same_rows(rows("a|1000000.0"), rows("a|1000002.0")).is_err());
    }

    #[test]
    fn texts_and_row_counts_are_equal() {
        assert!(same_rows(rows("a|b"), rows("a|c")).is_err());
        assert!(same_rows(rows("a|b"), rows("a|b\na|b")).is_err());
        assert!(same_rows(rows("a|1\nb|2"), rows("b|2\na|1")).is_ok());
    }

    #[test]
    fn the_columns_of_order_by_decide_the_order() {
        let order = [SortColumn { position: 1, descending: true }];
        assert!(in_order(&rows("a|10\nb|9\nc|9"), &order).is_ok());
        assert!(in_order(&rows("a|9\nb|10"), &order).is_err());
    }
}
