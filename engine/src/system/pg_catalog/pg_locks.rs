//! pg_locks: the write locks of tables, held and waited for. Readers take none.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_locks",
    columns: &[
        column::text("locktype"),
        column::oid("database"),
        column::oid("relation"),
        column::integer("page"),
        column::smallint("tuple"),
        column::text("virtualxid"),
        column::bigint("transactionid"),
        column::bigint("transaction"),
        column::oid("classid"),
        column::oid("objid"),
        column::smallint("objsubid"),
        column::text("virtualtransaction"),
        column::integer("pid"),
        column::text("mode"),
        column::boolean("granted"),
        column::boolean("fastpath"),
        column::timestamptz("waitstart"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for lock in &context.locks {
        let table = context.catalog.table_by_id(lock.table);
        rows.push(row![
            "relation",
            table.map(|table| context.catalog.database_of(table.schema)),
            lock.table,
            NULL,
            NULL,
            NULL,
            NULL,
            lock.xid,
            NULL,
            NULL,
            NULL,
            NULL,
            lock.pid,
            lock.mode.name(),
            lock.granted,
            false,
            (!lock.granted).then_some(lock.since_us),
        ]);
    }
}
