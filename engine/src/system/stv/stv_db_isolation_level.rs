//! STV_DB_ISOLATION_LEVEL: how transactions of each database are kept apart.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_db_isolation_level",
    columns: &[column::char("db_name", 128), column::char("isolation_level", 20)],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for database in context.catalog.databases() {
        rows.push(row![&database.name, database.isolation.name()]);
    }
}
