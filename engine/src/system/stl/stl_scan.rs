//! STL_SCAN: tables that were read, permanent and transient ones.

use crate::{
    storage::zones::BLOCK_ROWS,
    system::{
        SystemContext, column,
        executed::{ExecutedStep, StepKind, each_slice, flag, place},
        table::{PG_CATALOG, Rows, SystemTable},
        text::cut,
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_scan",
    columns: &[
        column::integer("userid"),
        column::integer("query"),
        column::integer("slice"),
        column::integer("segment"),
        column::integer("step"),
        column::timestamp("starttime"),
        column::timestamp("endtime"),
        column::integer("tasknum"),
        column::bigint("rows"),
        column::bigint("bytes"),
        column::bigint("fetches"),
        column::integer("type"),
        column::integer("tbl"),
        column::char("is_rrscan", 1),
        column::char("is_delayed_scan", 1),
        column::bigint("rows_pre_filter"),
        column::bigint("rows_pre_user_filter"),
        column::char("perm_table_name", 136),
        column::char("is_rlf_scan", 1),
        column::integer("is_rlf_scan_reason"),
        column::integer("num_em_blocks"),
        column::bigint("checksum"),
        column::char("runtime_filtering", 1),
    ],
    rows,
};

/// Redshift's number of a scan of a permanent table, and of one of a transient table.
const PERMANENT: i32 = 2;
const TRANSIENT: i32 = 3;

fn rows(context: &SystemContext, rows: &mut Rows) {
    each_slice(
        context,
        |kind| kind == StepKind::Scan,
        |query, step, slice| {
            let is_permanent = step.table_name.is_some();
            // The names of transient tables are these on Redshift too.
            let name = step.table_name.as_deref().unwrap_or("Internal Worktable");
            let read = rows_read(step);
            let mut made = place(query, step, slice);
            made.extend(row![
                slice.slice,
                slice.rows,
                slice.bytes,
                NULL,
                if is_permanent { PERMANENT } else { TRANSIENT },
                step.table,
                flag(step.is_range_restricted()),
                flag(false),
                if is_permanent { read.max(slice.rows) } else { 0 },
                if is_permanent { read.max(slice.rows) } else { 0 },
                cut(name, 136),
                flag(false),
                NULL,
                NULL,
                NULL,
                flag(false),
            ]);
            rows.push(made);
        },
    );
}

/// Returns the rows that one slice has looked at: those of the blocks it has read, which are counted for all
/// slices together. Without a condition they are those it has returned.
fn rows_read(step: &ExecutedStep) -> u64 {
    if !step.is_filtered {
        return 0;
    }
    let slices = (step.slices.len() as u64).max(1);
    step.blocks_read * BLOCK_ROWS as u64 / slices
}
