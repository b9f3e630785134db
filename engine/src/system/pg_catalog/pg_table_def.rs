//! PG_TABLE_DEF: columns of the tables that the search path makes visible.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
    {encoding, relation},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_table_def",
    columns: &[
        column::name("schemaname"),
        column::name("tablename"),
        column::name("column"),
        column::varchar("type", 128),
        column::varchar("encoding", 32),
        column::boolean("distkey"),
        column::integer("sortkey"),
        column::boolean("notnull"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let visible = context.visible_schemas();
    let relations = relation::all(context);
    let tables = relations.iter().filter(|relation| {
        relation.kind() == "r" && visible.contains(&relation.schema_name.as_str())
    });
    for relation in tables {
        let table = relation.table();
        for column in relation.columns() {
            rows.push(row![
                &relation.schema_name,
                &relation.name,
                column.name,
                column.column_type.display(),
                column.stored.map_or("none", |stored| encoding::shown(&stored.encoding)),
                table.is_some_and(|table| table.dist_style.key() == Some(column.number)),
                table.map_or(0, |table| relation::sort_key_ordinal(table, column.number)),
                !column.nullable,
            ]);
        }
    }
}
