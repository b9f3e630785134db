//! pg_index: the indexes that PRIMARY KEY and UNIQUE would have. There are none to scan: this is how psql and drivers
//! find keys.

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
    name: "pg_index",
    columns: &[
        column::oid("indexrelid"),
        column::oid("indrelid"),
        column::smallint("indnatts"),
        column::smallint("indnkeyatts"),
        column::boolean("indisunique"),
        column::boolean("indisprimary"),
        column::boolean("indisexclusion"),
        column::boolean("indimmediate"),
        column::boolean("indisclustered"),
        column::boolean("indisvalid"),
        column::boolean("indcheckxmin"),
        column::boolean("indisready"),
        column::boolean("indislive"),
        column::boolean("indisreplident"),
        column::smallints("indkey"),
        column::oids("indcollation"),
        column::oids("indclass"),
        column::smallints("indoption"),
        column::text("indexprs"),
        column::text("indpred"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for key in constraint::all(&context.catalog) {
        let Some(oid) = key.index_oid() else { continue };
        let columns = &key.constraint.columns;
        let of_each = |value: i64| vec![value; columns.len()];
        rows.push(row![
            oid,
            key.table.id,
            columns.len() as i64,
            columns.len() as i64,
            true,
            key.constraint.kind == TableConstraintKind::PrimaryKey,
            false,
            true,
            false,
            true,
            false,
            true,
            true,
            false,
            columns.clone(),
            of_each(0),
            of_each(0),
            of_each(0),
            NULL,
            NULL,
        ]);
    }
}
