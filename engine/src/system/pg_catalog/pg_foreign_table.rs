//! pg_foreign_table: foreign tables of PostgreSQL. External tables are in SVV_EXTERNAL_TABLES.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_foreign_table",
    columns: &[column::oid("ftrelid"), column::oid("ftserver"), column::texts("ftoptions")],
    rows: table::no_rows,
};
