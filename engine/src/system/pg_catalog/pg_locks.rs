//! pg_locks: locks. Readers never wait; the write locks of tables are not shown yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
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
    rows: table::no_rows,
};
