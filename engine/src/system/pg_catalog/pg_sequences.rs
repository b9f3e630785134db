//! pg_sequences: sequences. Redshift has none; an IDENTITY is part of its column.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_sequences",
    columns: &[
        column::name("schemaname"),
        column::name("sequencename"),
        column::name("sequenceowner"),
        column::text("data_type"),
        column::bigint("start_value"),
        column::bigint("min_value"),
        column::bigint("max_value"),
        column::bigint("increment_by"),
        column::boolean("cycle"),
        column::bigint("cache_size"),
        column::bigint("last_value"),
    ],
    rows: table::no_rows,
};
