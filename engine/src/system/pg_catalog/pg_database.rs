//! pg_database: the databases of the cluster.

use crate::system::{
    SystemContext, column,
    oids::DEFAULT_TABLESPACE,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_database",
    columns: &[
        column::oid("oid"),
        column::name("datname"),
        column::oid("datdba"),
        column::integer("encoding"),
        column::letter("datlocprovider"),
        column::boolean("datistemplate"),
        column::boolean("datallowconn"),
        column::integer("datconnlimit"),
        column::oid("datlastsysoid"),
        column::bigint("datfrozenxid"),
        column::bigint("datvacuumxid"),
        column::bigint("datminmxid"),
        column::oid("dattablespace"),
        column::name("datcollate"),
        column::name("datctype"),
        column::text("daticulocale"),
        column::text("datcollversion"),
        column::texts("datconfig"),
        column::texts("datacl"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for database in context.catalog.databases() {
        rows.push(row![
            database.id,
            &database.name,
            database.owner,
            UTF8,
            "c",
            false,
            true,
            database.connection_limit.map_or(UNLIMITED, i64::from),
            0,
            0,
            0,
            0,
            DEFAULT_TABLESPACE,
            "C",
            "C",
            NULL,
            NULL,
            NULL,
            NULL,
        ]);
    }
}

/// What `datconnlimit` is without a limit.
const UNLIMITED: i64 = -1;
/// `pg_encoding_to_char(6)`.
const UTF8: i32 = 6;
