//! SVV_EXTERNAL_TABLES: external tables. There are none yet.

use crate::system::{
    column,
    table::{self, PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_external_tables",
    columns: &[
        column::varchar("redshift_database_name", 128),
        column::varchar("schemaname", 128),
        column::varchar("tablename", 128),
        column::varchar("tabletype", 128),
        column::varchar("location", 128),
        column::varchar("input_format", 128),
        column::varchar("output_format", 128),
        column::varchar("serialization_lib", 128),
        column::varchar("serde_parameters", 128),
        column::integer("compressed"),
        column::varchar("parameters", 128),
    ],
    rows: table::no_rows,
};
