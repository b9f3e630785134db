//! pg_constraint: PRIMARY KEY, UNIQUE and FOREIGN KEY, kept for the planner and never enforced.

use crate::{
    catalog::TableConstraintKind,
    system::{
        SystemContext, column, constraint,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_constraint",
    columns: &[
        column::oid("oid"),
        column::name("conname"),
        column::oid("connamespace"),
        column::letter("contype"),
        column::boolean("condeferrable"),
        column::boolean("condeferred"),
        column::boolean("convalidated"),
        column::oid("conrelid"),
        column::oid("contypid"),
        column::oid("conindid"),
        column::oid("conparentid"),
        column::oid("confrelid"),
        column::letter("confupdtype"),
        column::letter("confdeltype"),
        column::letter("confmatchtype"),
        column::boolean("conislocal"),
        column::integer("coninhcount"),
        column::boolean("connoinherit"),
        column::smallints("conkey"),
        column::smallints("confkey"),
        column::oids("conpfeqop"),
        column::oids("conppeqop"),
        column::oids("conffeqop"),
        column::oids("conexclop"),
        column::text("conbin"),
        column::text("consrc"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for numbered in constraint::all(&context.catalog) {
        let table = numbered.table;
        let (kind, target, target_columns) = match &numbered.constraint.kind {
            TableConstraintKind::PrimaryKey => ("p", 0, None),
            TableConstraintKind::Unique => ("u", 0, None),
            TableConstraintKind::ForeignKey { table, columns } => {
                ("f", table.0, Some(columns.clone()))
            }
        };
        let action = if kind == "f" { "a" } else { "" };
        rows.push(row![
            numbered.oid,
            &numbered.constraint.name,
            table.schema,
            kind,
            false,
            false,
            false,
            table.id,
            0,
            numbered.index_oid().unwrap_or(0),
            0,
            target,
            action,
            action,
            if kind == "f" { "u" } else { "" },
            true,
            0,
            true,
            numbered.constraint.columns.clone(),
            target_columns,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
        ]);
    }
}
