//! pg_event_trigger: event triggers. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_event_trigger",
    columns: &[
        column::oid("oid"),
        column::name("evtname"),
        column::name("evtevent"),
        column::oid("evtowner"),
        column::oid("evtfoid"),
        column::letter("evtenabled"),
        column::texts("evttags"),
    ],
    rows: table::no_rows,
};
