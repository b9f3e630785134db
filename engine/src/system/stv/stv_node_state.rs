//! STV_NODE_STATE, which Redshift does not have: the compute nodes, and what each holds for statements.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_node_state",
    columns: &[
        column::integer("node"),
        column::varchar("address", 256),
        column::timestamp("last_heard"),
        column::integer("pieces"),
        column::bigint("memory_bytes"),
        column::integer("spill_files"),
        column::bigint("spill_bytes"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for (number, node) in (0_u32..).zip(&context.nodes) {
        rows.push(row![
            number,
            node.address.as_str(),
            node.last_heard_us,
            node.pieces,
            node.memory_bytes,
            node.spill_files,
            node.spill_bytes,
        ]);
    }
}
