//! STL_VACUUM: when tables were vacuumed, and what it brought.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    table_size::BLOCK_BYTES,
    text::cut,
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_vacuum",
    columns: &[
        column::integer("userid"),
        column::bigint("xid"),
        column::integer("table_id"),
        column::char("status", 30),
        column::bigint("rows"),
        column::integer("sortedrows"),
        column::integer("blocks"),
        column::integer("max_merge_partitions"),
        column::timestamp("eventtime"),
        column::bigint("reclaimable_rows"),
        column::bigint("reclaimable_space_mb"),
        column::bigint("cutoff_xid"),
        column::integer("is_recluster"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_vacuums(|vacuum| {
        rows.push(row![
            vacuum.user,
            vacuum.xid,
            vacuum.table,
            cut(&vacuum.status, 30),
            vacuum.rows,
            // An INTEGER on Redshift too.
            vacuum.sorted_rows.min(i32::MAX as u64),
            vacuum.blocks,
            // One merge takes as many runs as memory is for.
            1,
            vacuum.time_us,
            vacuum.reclaimable_rows,
            vacuum.reclaimable_bytes / BLOCK_BYTES,
            vacuum.xid,
            i64::from(vacuum.is_recluster),
        ]);
    });
}
