//! How large, how skewed and how sorted a table is: the arithmetic of `SVV_TABLE_INFO`.

use std::cmp::Ordering;

use crate::{
    catalog::{Column, SortKey, Table},
    distribution::{AutoStyle, DistStyle},
    ids::{ColumnId, SliceId},
    storage::run::{Run, StatisticsValue},
    system::encoding,
    types::SqlType,
};

/// The unit of `SVV_TABLE_INFO.size`: 1 MB.
pub(crate) const BLOCK_BYTES: u64 = 1024 * 1024;

/// Returns a column by its id.
pub(crate) fn column(table: &Table, id: ColumnId) -> Option<&Column> {
    table.columns.iter().find(|column| column.id == id)
}

fn column_name(table: &Table, id: ColumnId) -> &str {
    column(table, id).map_or("", |column| column.name.as_str())
}

/// Returns the blocks that a table takes, counting a begun block of a slice as whole.
pub(crate) fn blocks(table: &Table) -> u64 {
    let mut slices: Vec<(SliceId, u64)> = Vec::new();
    for run in &table.manifest.runs {
        match slices.iter_mut().find(|(slice, _)| *slice == run.slice) {
            Some((_, bytes)) => *bytes += run.bytes,
            None => slices.push((run.slice, run.bytes)),
        }
    }
    slices.iter().map(|(_, bytes)| bytes.div_ceil(BLOCK_BYTES)).sum()
}

/// Returns `diststyle`: `EVEN`, `KEY(c)`, `ALL`, `AUTO(ALL)`…
pub(crate) fn dist_style(table: &Table) -> String {
    let key = |id| format!("KEY({})", column_name(table, id));
    match table.dist_style {
        DistStyle::Even => "EVEN".to_owned(),
        DistStyle::All => "ALL".to_owned(),
        DistStyle::Key(id) => key(id),
        DistStyle::Auto(AutoStyle::All) => "AUTO(ALL)".to_owned(),
        DistStyle::Auto(AutoStyle::Even) => "AUTO(EVEN)".to_owned(),
        DistStyle::Auto(AutoStyle::Key(id)) => format!("AUTO({})", key(id)),
    }
}

/// Returns `sortkey1`: the first column of the sort key, or what stands in its place.
pub(crate) fn sort_key(table: &Table) -> Option<String> {
    match &table.sort_key {
        SortKey::Auto => Some("AUTO(SORTKEY)".to_owned()),
        SortKey::AutoCompound(columns) => {
            columns.first().map(|id| format!("AUTO(SORTKEY({}))", column_name(table, *id)))
        }
        SortKey::Compound(columns) => columns.first().map(|id| column_name(table, *id).to_owned()),
        SortKey::Interleaved(_) => Some("INTERLEAVED".to_owned()),
    }
}

/// Returns `encoded`: whether any column is compressed.
pub(crate) fn encoded(table: &Table) -> &'static str {
    let any = table.columns.iter().any(|column| encoding::shown(&column.encoding) != "none");
    if any { "Y" } else { "N" }
}

/// Returns the length of the longest VARCHAR; 0 without one.
pub(crate) fn longest_varchar(table: &Table) -> u32 {
    let lengths = table.columns.iter().map(|column| match column.sql_type {
        SqlType::Varchar { length } => length,
        _ => 0,
    });
    lengths.max().unwrap_or(0)
}

/// Returns the rows of a slice, and how many of them are in order.
pub(crate) fn slice_rows(table: &Table, slice: SliceId) -> (u64, u64) {
    let runs: Vec<&Run> = table.manifest.runs.iter().filter(|run| run.slice == slice).collect();
    let row_count = runs.iter().map(|run| run.live_row_count()).sum();
    let Some(first) = table.sort_key.columns().first() else { return (row_count, row_count) };
    (row_count, sorted_rows(&runs, table.position(*first)))
}

/// Counts the rows of runs that lie apart from the runs taken before them, the largest taken first.
/// Every run is sorted within itself, so these can be read in order without a merge.
fn sorted_rows(runs: &[&Run], sort_column: Option<usize>) -> u64 {
    let mut by_size = runs.to_vec();
    by_size.sort_by_key(|run| std::cmp::Reverse(run.row_count));
    let mut taken: Vec<&Run> = Vec::new();
    for run in by_size {
        let apart = taken.iter().all(|other| {
            sort_column.is_some_and(|position| lie_apart(run, other, position) == Some(true))
        });
        if apart {
            taken.push(run);
        }
    }
    taken.iter().map(|run| run.live_row_count()).sum()
}

/// Returns whether two runs share no value of a column; `None` where bounds are not known.
fn lie_apart(a: &Run, b: &Run, position: usize) -> Option<bool> {
    let (a, b) = (a.columns.get(position)?, b.columns.get(position)?);
    let before = |max: &Option<StatisticsValue>, min: &Option<StatisticsValue>| {
        let order = compare(max.as_ref()?, min.as_ref()?)?;
        Some(order == Ordering::Less)
    };
    Some(before(&a.max, &b.min)? || before(&b.max, &a.min)?)
}

fn compare(a: &StatisticsValue, b: &StatisticsValue) -> Option<Ordering> {
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

/// Returns `unsorted`: the part of the rows that is out of order, in hundredths of a percent;
/// `None` without a sort key.
pub(crate) fn unsorted_hundredths(table: &Table) -> Option<u64> {
    let first = table.sort_key.columns().first()?;
    let position = table.position(*first);
    let mut slices: Vec<SliceId> = table.manifest.runs.iter().map(|run| run.slice).collect();
    slices.sort_unstable();
    slices.dedup();
    let sorted: u64 = slices
        .iter()
        .map(|slice| {
            let runs = table.manifest.runs.iter().filter(|run| run.slice == *slice);
            sorted_rows(&runs.collect::<Vec<_>>(), position)
        })
        .sum();
    let row_count = table.manifest.row_count();
    row_count.checked_sub(sorted).and_then(|unsorted| (unsorted * 10_000).checked_div(row_count))
}

/// Returns `skew_rows`: rows of the fullest slice over rows of the emptiest, in hundredths; an empty
/// slice counts as one row. `None` for a table that has all its rows in one copy.
pub(crate) fn skew_hundredths(table: &Table, slice_count: u32) -> Option<u64> {
    if matches!(table.dist_style.effective(), DistStyle::All) {
        return None;
    }
    let rows = (0..slice_count).map(|slice| slice_rows(table, SliceId(slice)).0);
    let rows: Vec<u64> = rows.collect();
    let (most, fewest) = (rows.iter().max()?, rows.iter().min()?);
    Some(most * 100 / fewest.max(&1))
}
