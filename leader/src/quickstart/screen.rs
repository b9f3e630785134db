//! What the quickstart shows: tables, numbers, and bars where somebody looks.

use std::{
    io::{self, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio_postgres::SimpleQueryMessage;

/// How many rows of a result are shown.
const ROWS_MAX: usize = 10;
/// Longer texts are cut.
const CELL_CHARS_MAX: usize = 48;
/// How often a bar moves on its own.
const TICK: Duration = Duration::from_millis(200);

/// A table as text: a head and rows of the same number of cells.
#[derive(Debug, Default)]
pub(super) struct TextTable {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// Returns what a query answered.
    pub(super) fn of(messages: &[SimpleQueryMessage]) -> Self {
        let mut table = Self::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    table.head = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => table.rows.push(
                    (0..row.len())
                        .map(|column| row.try_get(column).ok().flatten().unwrap_or("").to_owned())
                        .collect(),
                ),
                _ => {}
            }
        }
        table
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Returns the lines; numbers are flush right, as psql has them.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown = self.rows.get(..ROWS_MAX).unwrap_or(&self.rows);
        let columns: Vec<(usize, bool)> = (0..self.head.len())
            .map(|column| {
                let cells = || shown.iter().filter_map(move |row| row.get(column));
                let head = self.head.get(column).map_or(0, |name| name.chars().count());
                let width = cells().map(|cell| cut(cell).chars().count()).max().unwrap_or(0);
                (width.max(head), !shown.is_empty() && cells().all(|cell| is_number(cell)))
            })
            .collect();
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&columns).map(|(cell, (width, right))| {
                let (cell, width) = (cut(cell), *width);
                if *right { format!(" {cell:>width$} ") } else { format!(" {cell:<width$} ") }
            });
            cells.collect::<Vec<_>>().join("│").trim_end().to_owned()
        };
        let rule: Vec<_> = columns.iter().map(|(width, _)| "─".repeat(width + 2)).collect();
        let mut lines = vec![line(&self.head), rule.join("┼")];
        lines.extend(shown.iter().map(|row| line(row)));
        if let Some(more) = self.rows.len().checked_sub(shown.len()).filter(|more| *more > 0) {
            lines.push(format!(" … {more} more"));
        }
        lines
    }
}

/// Returns whether psql would have it flush right.
fn is_number(cell: &str) -> bool {
    cell.is_empty() || cell.replace(',', "").trim_end_matches(" s").parse::<f64>().is_ok()
}

fn cut(cell: &str) -> String {
    let cell = cell.trim_end();
    if cell.chars().count() <= CELL_CHARS_MAX {
        return cell.to_owned();
    }
    cell.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

/// Writes a line to stdout.
pub(super) fn show(line: impl std::fmt::Display) {
    // Who closed stdout, as `head` does, has seen enough.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes a table to stdout.
pub(super) fn show_table(table: &TextTable) {
    for line in table.lines() {
        show(line);
    }
}

/// Returns a bar on stderr; hidden where that is no terminal.
pub(super) fn bar(what: &'static str, total: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = format!("{{msg:<10}} {{bar:32}} {{human_pos}}/{{human_len}} {unit} {{elapsed}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(TICK);
    bar
}

/// Returns a count with separators: `6,001,215`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_neat() {
        let mut table = TextTable::new(&["name", "rows"]);
        table.push(vec!["nation".to_owned(), "25".to_owned()]);
        table.push(vec!["lineitem".to_owned(), count(6_001_215)]);
        assert_eq!(
            table.lines(),
            [
                " name     │      rows",
                "──────────┼───────────",
                " nation   │        25",
                " lineitem │ 6,001,215",
            ]
        );
    }

    #[test]
    fn long_results_are_cut() {
        let mut table = TextTable::new(&["a"]);
        (0..12).for_each(|_| table.push(vec!["x".repeat(60)]));
        let lines = table.lines();
        assert_eq!(lines.len(), 2 + 10 + 1);
        assert_eq!(lines[2].chars().count(), 1 + 48);
        assert_eq!(lines[12], " … 2 more");
    }
}
