//! pg_tablespace: managed storage, under the name clients expect.

use crate::{
    catalog::SUPERUSER,
    system::{
        SystemContext, column,
        oids::DEFAULT_TABLESPACE,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_tablespace",
    columns: &[
        column::oid("oid"),
        column::name("spcname"),
        column::oid("spcowner"),
        column::text("spclocation"),
        column::texts("spcacl"),
        column::texts("spcoptions"),
    ],
    rows,
};

fn rows(_: &SystemContext, rows: &mut Rows) {
    rows.push(row![DEFAULT_TABLESPACE, "pg_default", SUPERUSER, "", NULL, NULL]);
}
