//! information_schema.columns: columns of tables and views.

use crate::system::{
    SystemContext, column,
    table::{INFORMATION, Rows, SystemTable},
    value::{NULL, row},
    {column_shape, relation},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: INFORMATION,
    name: "columns",
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
        column::integer("character_octet_length"),
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
        column::varchar("domain_catalog", 128),
        column::varchar("domain_schema", 128),
        column::varchar("domain_name", 128),
        column::varchar("udt_catalog", 128),
        column::varchar("udt_schema", 128),
        column::varchar("udt_name", 128),
        column::varchar("scope_catalog", 128),
        column::varchar("scope_schema", 128),
        column::varchar("scope_name", 128),
        column::integer("maximum_cardinality"),
        column::varchar("dtd_identifier", 128),
        column::varchar("is_self_referencing", 3),
        column::varchar("is_identity", 3),
        column::varchar("is_updatable", 3),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context) {
        for (position, column) in (1..).zip(relation.columns()) {
            let shape = column_shape::of(column.column_type);
            let default =
                column.stored.and_then(|stored| relation::default_text(relation.id, stored));
            let yes = |condition: bool| if condition { "YES" } else { "NO" };
            let identity = column.stored.is_some_and(|stored| stored.identity.is_some());
            rows.push(row![
                &context.database,
                &relation.schema_name,
                &relation.name,
                column.name,
                position,
                default,
                yes(column.nullable),
                shape.data_type,
                shape.character_length,
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
                NULL,
                &context.database,
                "pg_catalog",
                shape.type_name,
                NULL,
                NULL,
                NULL,
                NULL,
                position.to_string(),
                "NO",
                yes(identity),
                yes(relation.table().is_some()),
            ]);
        }
    }
}
