//! SVV_ALL_COLUMNS: columns of all tables and views of the cluster.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
    {column_shape, relation},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_all_columns",
    columns: &[
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
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context) {
        for (position, column) in (1..).zip(relation.columns()) {
            let shape = column_shape::of(column.column_type);
            let default =
                column.stored.and_then(|stored| relation::default_text(relation.id, stored));
            rows.push(row![
                &context.database,
                &relation.schema_name,
                &relation.name,
                column.name,
                position,
                default,
                if column.nullable { "YES" } else { "NO" },
                shape.data_type,
                shape.character_length,
                shape.numeric_precision,
                shape.numeric_scale,
                NULL,
            ]);
        }
    }
}
