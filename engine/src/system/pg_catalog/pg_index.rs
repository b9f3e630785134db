//! pg_index: indexes. Redshift has none.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_index",
    columns: &[
        column::oid("indexrelid"),
        column::oid("indrelid"),
        column::smallint("indnatts"),
        column::smallint("indnkeyatts"),
        column::boolean("indisunique"),
        column::boolean("indisprimary"),
        column::boolean("indisexclusion"),
        column::boolean("indimmediate"),
        column::boolean("indisclustered"),
        column::boolean("indisvalid"),
        column::boolean("indcheckxmin"),
        column::boolean("indisready"),
        column::boolean("indislive"),
        column::boolean("indisreplident"),
        column::smallints("indkey"),
        column::oids("indcollation"),
        column::oids("indclass"),
        column::smallints("indoption"),
        column::text("indexprs"),
        column::text("indpred"),
    ],
    rows: table::no_rows,
};
