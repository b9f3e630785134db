//! pg_group: groups of users. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_group",
    columns: &[column::name("groname"), column::integer("grosysid"), column::oids("grolist")],
    rows: table::no_rows,
};
