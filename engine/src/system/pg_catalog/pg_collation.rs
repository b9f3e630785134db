//! pg_collation: collations. Text is compared by its bytes.

use crate::{
    catalog::{PG_CATALOG_SCHEMA, SUPERUSER},
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_collation",
    columns: &[
        column::oid("oid"),
        column::name("collname"),
        column::oid("collnamespace"),
        column::oid("collowner"),
        column::letter("collprovider"),
        column::boolean("collisdeterministic"),
        column::integer("collencoding"),
        column::text("collcollate"),
        column::text("collctype"),
        column::text("colliculocale"),
        column::text("collversion"),
    ],
    rows,
};

fn rows(_: &SystemContext, rows: &mut Rows) {
    for (oid, name) in [(100, "default"), (950, "C")] {
        rows.push(row![
            oid,
            name,
            PG_CATALOG_SCHEMA,
            SUPERUSER,
            "c",
            true,
            -1,
            "C",
            "C",
            NULL,
            NULL
        ]);
    }
}
