//! pg_type: the types values can have, and those the catalogue itself uses.

use crate::{
    catalog::{PG_CATALOG_SCHEMA, SUPERUSER},
    system::{
        SystemContext, column, pg_types,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_type",
    columns: &[
        column::oid("oid"),
        column::name("typname"),
        column::oid("typnamespace"),
        column::oid("typowner"),
        column::smallint("typlen"),
        column::boolean("typbyval"),
        column::letter("typtype"),
        column::letter("typcategory"),
        column::boolean("typispreferred"),
        column::boolean("typisdefined"),
        column::letter("typdelim"),
        column::oid("typrelid"),
        column::oid("typsubscript"),
        column::oid("typelem"),
        column::oid("typarray"),
        column::oid("typinput"),
        column::oid("typoutput"),
        column::oid("typreceive"),
        column::oid("typsend"),
        column::oid("typmodin"),
        column::oid("typmodout"),
        column::oid("typanalyze"),
        column::letter("typalign"),
        column::letter("typstorage"),
        column::boolean("typnotnull"),
        column::oid("typbasetype"),
        column::integer("typtypmod"),
        column::integer("typndims"),
        column::oid("typcollation"),
        column::text("typdefaultbin"),
        column::text("typdefault"),
        column::texts("typacl"),
    ],
    rows,
};

fn rows(_: &SystemContext, rows: &mut Rows) {
    for pg_type in pg_types::ALL {
        let fixed = pg_type.length > 0;
        rows.push(row![
            pg_type.oid,
            pg_type.name,
            PG_CATALOG_SCHEMA,
            SUPERUSER,
            pg_type.length,
            fixed && pg_type.length <= 8,
            pg_type.kind(),
            pg_type.category,
            false,
            true,
            ",",
            0,
            0,
            pg_type.element,
            pg_types::array_of(pg_type.oid),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            "i",
            if fixed { "p" } else { "x" },
            false,
            0,
            -1,
            0,
            0,
            NULL,
            NULL,
            NULL,
        ]);
    }
}
