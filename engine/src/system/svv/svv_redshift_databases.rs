//! SVV_REDSHIFT_DATABASES: databases of the cluster.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_redshift_databases",
    columns: &[
        column::varchar("database_name", 128),
        column::integer("database_owner"),
        column::varchar("database_type", 32),
        column::varchar("database_acl", 128),
        column::varchar("database_options", 128),
        column::varchar("database_isolation_level", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for database in context.catalog.databases() {
        let isolation = database.isolation.name();
        rows.push(row![&database.name, database.owner, "local", NULL, NULL, isolation]);
    }
}
