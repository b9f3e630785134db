//! pg_depend: which view stands on which table.

use crate::system::{
    SystemContext, column,
    oids::{rewrite_oid, well_known},
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_depend",
    columns: &[
        column::oid("classid"),
        column::oid("objid"),
        column::integer("objsubid"),
        column::oid("refclassid"),
        column::oid("refobjid"),
        column::integer("refobjsubid"),
        column::letter("deptype"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let (rewrite, class) = (well_known("pg_rewrite"), well_known("pg_class"));
    for view in context.catalog.views() {
        let rule = rewrite_oid(view.id);
        rows.push(row![rewrite, rule, 0, class, view.id, 0, "i"]);
        for relation in &view.depends_on {
            rows.push(row![rewrite, rule, 0, class, *relation, 0, "n"]);
        }
    }
}
