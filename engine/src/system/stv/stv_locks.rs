//! STV_LOCKS: write locks of tables, held and waited for.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_locks",
    columns: &[
        column::integer("table_id"),
        column::timestamp("last_commit"),
        column::timestamp("last_update"),
        column::bigint("lock_owner"),
        column::bigint("lock_owner_pid"),
        column::timestamp("lock_owner_start_ts"),
        column::timestamp("lock_owner_end_ts"),
        column::char("lock_status", 22),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for lock in &context.locks {
        let status = if lock.granted { "Holding write lock" } else { "Waiting for write lock" };
        rows.push(row![
            lock.table,
            NULL,
            lock.since_us,
            lock.xid,
            lock.pid,
            lock.transaction_started_us,
            NULL,
            status,
        ]);
    }
}
