//! How large, how skewed and how sorted a table is: the arithmetic of `SVV_TABLE_INFO`.

use crate::{
    catalog::{Column, SortKey, Table},
    distribution::{AutoStyle, DistStyle},
    ids::{ColumnId, SliceId},
    storage::{run::Run, run_order::in_order},
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
pub fn blocks(table: &Table) -> u64 {
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

/// Returns `encoded`: whether any column is compressed, and whether that is left to the warehouse.
pub(crate) fn encoded(table: &Table) -> &'static str {
    let any = table.columns.iter().any(|column| encoding::shown(&column.encoding) != "none");
    match (any, table.encode_auto) {
        (true, true) => "Y, AUTO(ENCODE)",
        (true, false) => "Y",
        (false, true) => "N, AUTO(ENCODE)",
        (false, false) => "N",
    }
}

/// Returns the length of the longest VARCHAR; 0 without one.
pub(crate) fn longest_varchar(table: &Table) -> u32 {
    let lengths = table.columns.iter().map(|column| match column.sql_type {
        SqlType::Varchar { length } => length,
        _ => 0,
    });
    lengths.max().unwrap_or(0)
}

/// Returns the rows of a slice, and how many of them are in order; deleted rows count until a vacuum.
pub(crate) fn slice_rows(table: &Table, slice: SliceId) -> (u64, u64) {
    let sorted = sorted_runs(table, slice).iter().map(|run| run.row_count).sum();
    (runs_of(table, slice).map(|run| run.row_count).sum(), sorted)
}

fn runs_of(table: &Table, slice: SliceId) -> impl Iterator<Item = &Run> {
    table.manifest.runs.iter().filter(move |run| run.slice == slice).map(|run| &**run)
}

/// Returns the runs of a slice that are in order: all of them without a sort key.
pub(crate) fn sorted_runs(table: &Table, slice: SliceId) -> Vec<&Run> {
    let runs: Vec<&Run> = runs_of(table, slice).collect();
    let first = table.sort_key.order_columns().first();
    match first.and_then(|id| table.position(*id)) {
        None => runs,
        Some(position) => in_order(&runs, position),
    }
}

/// Returns the rows that are out of order, and all rows; deleted ones count until a vacuum.
pub fn unsorted_rows(table: &Table) -> (u64, u64) {
    let mut slices: Vec<SliceId> = table.manifest.runs.iter().map(|run| run.slice).collect();
    slices.sort_unstable();
    slices.dedup();
    slices.iter().fold((0, 0), |(unsorted, all), slice| {
        let (rows, sorted) = slice_rows(table, *slice);
        (unsorted + rows - sorted, all + rows)
    })
}

/// Returns `unsorted`: the part of the rows that is out of order, in hundredths of a percent;
/// `None` without a sort key.
pub(crate) fn unsorted_hundredths(table: &Table) -> Option<u64> {
    table.sort_key.columns().first()?;
    let (unsorted, all) = unsorted_rows(table);
    (unsorted * 10_000).checked_div(all)
}

/// Returns `skew_sortkey1`: the bytes of the largest column that is not in the sort key over those of the
/// first that is, in hundredths; `None` without the one or the other.
pub(crate) fn skew_sort_key_hundredths(table: &Table) -> Option<u64> {
    let bytes = |id: &ColumnId| -> Option<u64> {
        let position = table.position(*id)?;
        let columns = table.manifest.runs.iter().filter_map(|run| run.columns.get(position));
        Some(columns.map(|column| column.bytes).sum())
    };
    let key = table.sort_key.columns();
    let others = table.columns.iter().filter(|column| !key.contains(&column.id));
    let largest = others.filter_map(|column| bytes(&column.id)).max()?;
    (largest * 100).checked_div(bytes(key.first()?)?)
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
