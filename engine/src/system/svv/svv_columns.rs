//! SVV_COLUMNS: columns of tables and views.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
    {column_shape, relation},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_columns",
    columns: &[
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
                shape.numeric_radix,
                shape.numeric_scale,
                shape.datetime_precision,
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
                NULL,
            ]);
        }
    }
}
