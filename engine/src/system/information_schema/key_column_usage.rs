//! information_schema.key_column_usage: columns of constraints.

use crate::{
    catalog::TableConstraintKind,
    system::{
        SystemContext, column, constraint,
        table::{INFORMATION, Rows, SystemTable},
        value::row,
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: INFORMATION,
    name: "key_column_usage",
    columns: &[
        column::varchar("constraint_catalog", 128),
        column::varchar("constraint_schema", 128),
        column::varchar("constraint_name", 128),
        column::varchar("table_catalog", 128),
        column::varchar("table_schema", 128),
        column::varchar("table_name", 128),
        column::varchar("column_name", 128),
        column::integer("ordinal_position"),
        column::integer("position_in_unique_constraint"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for numbered in constraint::all(&context.catalog) {
        let schema = context.schema_name(numbered.table.schema);
        let is_foreign = matches!(numbered.constraint.kind, TableConstraintKind::ForeignKey { .. });
        for (position, id) in (1..).zip(&numbered.constraint.columns) {
            let column = numbered.table.columns.iter().find(|column| column.id == *id);
            rows.push(row![
                &context.database,
                schema,
                &numbered.constraint.name,
                &context.database,
                schema,
                &numbered.table.name,
                column.map(|column| &column.name),
                position,
                is_foreign.then_some(position),
            ]);
        }
    }
}
