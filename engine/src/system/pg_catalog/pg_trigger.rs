//! pg_trigger: triggers. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_trigger",
    columns: &[
        column::oid("oid"),
        column::oid("tgrelid"),
        column::oid("tgparentid"),
        column::name("tgname"),
        column::oid("tgfoid"),
        column::smallint("tgtype"),
        column::letter("tgenabled"),
        column::boolean("tgisinternal"),
        column::boolean("tgisconstraint"),
        column::name("tgconstrname"),
        column::oid("tgconstrrelid"),
        column::oid("tgconstrindid"),
        column::oid("tgconstraint"),
        column::boolean("tgdeferrable"),
        column::boolean("tginitdeferred"),
        column::smallint("tgnargs"),
        column::smallints("tgattr"),
        column::text("tgargs"),
        column::text("tgqual"),
        column::name("tgoldtable"),
        column::name("tgnewtable"),
    ],
    rows: table::no_rows,
};
