//! SVV_TRANSACTIONS: transactions that hold locks or wait for them, one row for each lock and one for the
//! transaction itself.

use std::collections::BTreeMap;

use crate::{
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
    transaction::LockInfo,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_transactions",
    columns: &[
        column::text("txn_owner"),
        column::text("txn_db"),
        column::bigint("xid"),
        column::integer("pid"),
        column::timestamp("txn_start"),
        column::text("lock_mode"),
        column::text("lockable_object_type"),
        column::integer("relation"),
        column::boolean("granted"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let mut transactions: BTreeMap<_, Vec<&LockInfo>> = BTreeMap::new();
    for lock in &context.locks {
        transactions.entry(lock.xid).or_default().push(lock);
    }
    for (xid, locks) in transactions {
        let Some(first) = locks.first() else { continue };
        let (pid, start_us) = (first.pid, first.transaction_started_us);
        let session = context.sessions.iter().find(|session| session.pid == pid);
        let (owner, database) = session.map_or((&context.user, &context.database), |session| {
            (&session.user, &session.database)
        });
        for lock in &locks {
            let (mode, object) = (lock.mode.name(), "relation");
            rows.push(row![
                owner,
                database,
                xid,
                pid,
                start_us,
                mode,
                object,
                lock.table,
                lock.granted,
            ]);
        }
        let (mode, object) = ("ExclusiveLock", "transactionid");
        rows.push(row![owner, database, xid, pid, start_us, mode, object, NULL, true]);
    }
}
