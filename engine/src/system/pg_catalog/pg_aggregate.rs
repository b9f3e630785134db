//! pg_aggregate: aggregates that users made. There are none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_aggregate",
    columns: &[
        column::oid("aggfnoid"),
        column::oid("aggtransfn"),
        column::oid("aggfinalfn"),
        column::oid("aggtranstype"),
        column::text("agginitval"),
        column::letter("aggkind"),
        column::smallint("aggnumdirectargs"),
    ],
    rows: table::no_rows,
};
