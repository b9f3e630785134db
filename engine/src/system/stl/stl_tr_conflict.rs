//! STL_TR_CONFLICT: transactions that were refused because of what others did, with error 1023.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_tr_conflict",
    columns: &[
        column::bigint("xact_id"),
        column::bigint("process_id"),
        column::timestamp("xact_start_ts"),
        column::timestamp("abort_time"),
        column::bigint("table_id"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_conflicts(|conflict| {
        rows.push(row![
            conflict.xid,
            conflict.pid,
            conflict.start_us,
            conflict.abort_us,
            conflict.table,
        ]);
    });
}
