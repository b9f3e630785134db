//! STV_BLOCKLIST: the blocks of every table, with the bounds of their values.
//!
//! ```text
//!  run ─▶ column: so many bytes ─▶ blocks of 1 MB at most ─▶ each covers some zones of the run's zone map
//! ```
//!
//! A block holds rows of one column of one run. Redshift's three hidden columns (row ids and the transactions
//! that wrote and deleted a row) do not exist here, so that they have no blocks.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    ops::Range,
};

use arrow::array::ArrayRef;

use crate::{
    catalog::{Column, Table},
    ids::RunId,
    storage::{
        run::{Run, StatisticsValue},
        run_order::compare_bounds,
        zones::{ZoneColumn, ZoneMap},
    },
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        table_size,
        value::row,
    },
    types::SqlType,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_blocklist",
    columns: &[
        column::integer("slice"),
        column::integer("col"),
        column::integer("tbl"),
        column::integer("blocknum"),
        column::integer("num_values"),
        column::integer("extended_limits"),
        column::bigint("minvalue"),
        column::bigint("maxvalue"),
        column::integer("sb_pos"),
        column::integer("pinned"),
        column::integer("on_disk"),
        column::integer("modified"),
        column::integer("hdr_modified"),
        column::integer("unsorted"),
        column::integer("tombstone"),
        column::integer("preferred_diskno"),
        column::integer("temporary"),
        column::integer("newblock"),
        column::integer("num_readers"),
        column::integer("flags"),
    ],
    rows,
};

/// Days from 1970 to 2000, where Redshift's dates start.
const EPOCH_DAYS: i64 = 10_957;
const DAY_US: i64 = 86_400_000_000;

fn rows(context: &SystemContext, rows: &mut Rows) {
    for table in context.catalog.tables() {
        let sorted = sorted_runs(table);
        let temporary = i32::from(context.is_temporary(table.schema));
        // The number of the next block, by slice and column.
        let mut next = HashMap::new();
        for run in &table.manifest.runs {
            let Some(zones) = context.zone_maps.get(&run.id) else { continue };
            let unsorted = i32::from(!sorted.contains(&run.id));
            for (position, column) in table.columns.iter().enumerate() {
                for block in blocks(run, zones, column, position) {
                    let number: &mut i64 = next.entry((run.slice, position)).or_default();
                    rows.push(row![
                        run.slice,
                        position as i64,
                        table.id,
                        *number,
                        block.row_count,
                        0,
                        block.min,
                        block.max,
                        0,
                        0,
                        1,
                        0,
                        0,
                        unsorted,
                        0,
                        0,
                        temporary,
                        0,
                        0,
                        0,
                    ]);
                    *number += 1;
                }
            }
        }
    }
}

/// A block of a column.
struct Block {
    row_count: u64,
    min: Option<i64>,
    max: Option<i64>,
}

fn sorted_runs(table: &Table) -> HashSet<RunId> {
    let slices: HashSet<_> = table.manifest.runs.iter().map(|run| run.slice).collect();
    let sorted = slices.into_iter().flat_map(|slice| table_size::sorted_runs(table, slice));
    sorted.map(|run| run.id).collect()
}

/// Returns the blocks of a column of a run; none if the run was written before the column was added.
fn blocks(run: &Run, zones: &ZoneMap, column: &Column, position: usize) -> Vec<Block> {
    let Some(zone_column) = zones.column(column.stored_names()) else { return Vec::new() };
    let of_column = (zones, zone_column);
    let zone_count = zones.block_count();
    let bytes = run.columns.get(position).map_or(0, |column| column.bytes);
    let wanted = usize::try_from(bytes.div_ceil(table_size::BLOCK_BYTES)).unwrap_or(usize::MAX);
    let count = wanted.clamp(1, zone_count.max(1));
    let block = |number: usize| {
        let of_block = number * zone_count / count..(number + 1) * zone_count / count;
        let rows = of_block.clone().map(|zone| zones.block_rows(zone));
        Block {
            row_count: rows.map(|rows| rows.end - rows.start).sum(),
            min: bound(of_column, of_column.1.min.as_ref(), of_block.clone(), Ordering::Less)
                .and_then(|bound| as_integer(&bound, column.sql_type, f64::floor)),
            max: bound(of_column, of_column.1.max.as_ref(), of_block, Ordering::Greater)
                .and_then(|bound| as_integer(&bound, column.sql_type, f64::ceil)),
        }
    };
    (0..count).map(block).collect()
}

/// Returns the outermost of the bounds of these zones; `None` if it is unknown, or all values are NULL.
fn bound(
    (zones, column): (&ZoneMap, &ZoneColumn),
    bounds: Option<&ArrayRef>,
    of_block: Range<usize>,
    outer: Ordering,
) -> Option<StatisticsValue> {
    let mut outermost = None;
    for zone in of_block {
        let Some(bound) = StatisticsValue::of(bounds?.as_ref(), zone) else {
            let rows = zones.block_rows(zone);
            if column.null_counts.value(zone) == rows.end - rows.start {
                continue;
            }
            return None;
        };
        outermost = match outermost {
            Some(known) if compare_bounds(&bound, &known) != Some(outer) => Some(known),
            _ => Some(bound),
        };
    }
    outermost
}

/// Returns a bound as Redshift shows it: a number, or the first eight bytes of a text.
fn as_integer(bound: &StatisticsValue, sql_type: SqlType, round: fn(f64) -> f64) -> Option<i64> {
    Some(match (bound, sql_type) {
        (StatisticsValue::Boolean(value), _) => i64::from(*value),
        (StatisticsValue::Integer(days), SqlType::Date) => days - EPOCH_DAYS,
        (StatisticsValue::Integer(us), SqlType::Timestamp | SqlType::TimestampTz) => {
            us - EPOCH_DAYS * DAY_US
        }
        (StatisticsValue::Integer(value), _) => *value,
        (StatisticsValue::Decimal(value), _) => value.parse().ok()?,
        (StatisticsValue::Float(value), _) => round(*value) as i64,
        (StatisticsValue::Text(text), _) => {
            let mut first = [0; 8];
            first.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
            i64::from_be_bytes(first)
        }
    })
}
