//! SVV_EXTERNAL_COLUMNS: columns of external tables. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_external_columns",
    columns: &[
        column::varchar("redshift_database_name", 128),
        column::varchar("schemaname", 128),
        column::varchar("tablename", 128),
        column::varchar("columnname", 128),
        column::varchar("external_type", 128),
        column::integer("columnnum"),
        column::integer("part_key"),
        column::varchar("is_nullable", 10),
    ],
    rows: table::no_rows,
};
