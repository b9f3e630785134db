//! pg_views: views and their queries.

use crate::system::{
    SystemContext, column, relation,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_views",
    columns: &[
        column::name("schemaname"),
        column::name("viewname"),
        column::name("viewowner"),
        column::text("definition"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for relation in relation::all(context).iter().filter(|relation| relation.kind() == "v") {
        let definition = match &relation.origin {
            relation::Origin::View(view) => Some(&view.definition),
            _ => None,
        };
        rows.push(row![
            &relation.schema_name,
            &relation.name,
            context.user_name(relation.owner),
            definition,
        ]);
    }
}
