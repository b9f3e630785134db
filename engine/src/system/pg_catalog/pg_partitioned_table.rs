//! pg_partitioned_table: partitioned tables of PostgreSQL. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_partitioned_table",
    columns: &[
        column::oid("partrelid"),
        column::letter("partstrat"),
        column::smallint("partnatts"),
        column::oid("partdefid"),
        column::smallints("partattrs"),
        column::oids("partclass"),
        column::oids("partcollation"),
        column::text("partexprs"),
    ],
    rows: table::no_rows,
};
