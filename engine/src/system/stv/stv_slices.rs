//! STV_SLICES: which node has which slice.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_slices",
    columns: &[
        column::integer("node"),
        column::integer("slice"),
        column::integer("localslice"),
        column::char("type", 1),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let node_count = u32::try_from(context.nodes.len()).unwrap_or(u32::MAX);
    // As scans are dealt out: `execution::split`.
    let width = context.slice_count.div_ceil(node_count.max(1)).max(1);
    for slice in 0..context.slice_count {
        rows.push(row![slice / width, slice, slice % width, "D"]);
    }
}
