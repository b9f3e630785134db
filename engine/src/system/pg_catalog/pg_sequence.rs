//! pg_sequence: sequences. Redshift has none; an IDENTITY is part of its column.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_sequence",
    columns: &[
        column::oid("seqrelid"),
        column::oid("seqtypid"),
        column::bigint("seqstart"),
        column::bigint("seqincrement"),
        column::bigint("seqmax"),
        column::bigint("seqmin"),
        column::bigint("seqcache"),
        column::boolean("seqcycle"),
    ],
    rows: table::no_rows,
};
