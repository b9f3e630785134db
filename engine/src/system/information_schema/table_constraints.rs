//! information_schema.table_constraints: constraints, kept for the planner and never enforced.

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
    name: "table_constraints",
    columns: &[
        column::varchar("constraint_catalog", 128),
        column::varchar("constraint_schema", 128),
        column::varchar("constraint_name", 128),
        column::varchar("table_catalog", 128),
        column::varchar("table_schema", 128),
        column::varchar("table_name", 128),
        column::varchar("constraint_type", 128),
        column::varchar("is_deferrable", 3),
        column::varchar("initially_deferred", 3),
        column::varchar("enforced", 3),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for numbered in constraint::all(&context.catalog) {
        let schema = context.schema_name(numbered.table.schema);
        let kind = match numbered.constraint.kind {
            TableConstraintKind::PrimaryKey => "PRIMARY KEY",
            TableConstraintKind::Unique => "UNIQUE",
            TableConstraintKind::ForeignKey { .. } => "FOREIGN KEY",
        };
        rows.push(row![
            &context.database,
            schema,
            &numbered.constraint.name,
            &context.database,
            schema,
            &numbered.table.name,
            kind,
            "NO",
            "NO",
            "NO",
        ]);
    }
}
