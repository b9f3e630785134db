//! pg_shdescription: comments on databases and users. COMMENT is not there yet, so there are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_shdescription",
    columns: &[column::oid("objoid"), column::oid("classoid"), column::text("description")],
    rows: table::no_rows,
};
