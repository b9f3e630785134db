//! SVV_COLUMNS: columns of tables and views.

use crate::system::{
    column::{self, SystemColumn},
    described_columns,
    table::{PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_columns",
    columns: COLUMNS,
    rows: |context, rows| described_columns::rows(context, rows, COLUMNS),
};

const COLUMNS: &[SystemColumn] = &[
    column::varchar("table_catalog", 128),
    column::varchar("table_schema", 128),
    column::varchar("table_name", 128),
    column::varchar("column_name", 128),
    column::integer("ordinal_position"),
    column::varchar("column_default", 4000),
    column::varchar("is_nullable", 3),
    column::varchar("data_type", 128),
    column::integer("character_maximum_length"),
    column::integer("numeric_precision"),
    column::integer("numeric_precision_radix"),
    column::integer("numeric_scale"),
    column::integer("datetime_precision"),
    column::varchar("interval_type", 128),
    column::varchar("interval_precision", 128),
    column::varchar("character_set_catalog", 128),
    column::varchar("character_set_schema", 128),
    column::varchar("character_set_name", 128),
    column::varchar("collation_catalog", 128),
    column::varchar("collation_schema", 128),
    column::varchar("collation_name", 128),
    column::varchar("domain_name", 128),
    column::varchar("remarks", 256),
];
