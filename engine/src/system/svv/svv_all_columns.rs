//! SVV_ALL_COLUMNS: columns of all tables and views of the cluster.

use crate::system::{
    SystemContext,
    column::{self, SystemColumn},
    described_columns,
    table::{PG_CATALOG, Rows, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable =
    SystemTable { schema: PG_CATALOG, name: "svv_all_columns", columns: COLUMNS, rows };

fn rows(context: &SystemContext, rows: &mut Rows) {
    for context in context.in_each_database() {
        described_columns::rows(&context, rows, COLUMNS);
    }
}

const COLUMNS: &[SystemColumn] = &[
    column::varchar("database_name", 128),
    column::varchar("schema_name", 128),
    column::varchar("table_name", 128),
    column::varchar("column_name", 128),
    column::integer("ordinal_position"),
    column::varchar("column_default", 4000),
    column::varchar("is_nullable", 3),
    column::varchar("data_type", 128),
    column::integer("character_maximum_length"),
    column::integer("numeric_precision"),
    column::integer("numeric_scale"),
    column::varchar("remarks", 256),
];
