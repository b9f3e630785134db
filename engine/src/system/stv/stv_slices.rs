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
    for slice in 0..context.slice_count {
        rows.push(row![0, slice, slice, "D"]);
    }
}
