//! pg_conversion: conversions of encodings that users made. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_conversion",
    columns: &[
        column::oid("oid"),
        column::name("conname"),
        column::oid("connamespace"),
        column::oid("conowner"),
        column::integer("conforencoding"),
        column::integer("contoencoding"),
        column::oid("conproc"),
        column::boolean("condefault"),
    ],
    rows: table::no_rows,
};
