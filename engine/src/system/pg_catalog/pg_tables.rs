//! pg_tables: tables.

use crate::system::{
    SystemContext, column, relation,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_tables",
    columns: &[
        column::name("schemaname"),
        column::name("tablename"),
        column::name("tableowner"),
        column::name("tablespace"),
        column::boolean("hasindexes"),
        column::boolean("hasrules"),
        column::boolean("hastriggers"),
        column::boolean("rowsecurity"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context).iter().filter(|relation| relation.kind() == "r") {
        rows.push(row![
            &relation.schema_name,
            &relation.name,
            context.user_name(relation.owner),
            NULL,
            false,
            false,
            false,
            false,
        ]);
    }
}
