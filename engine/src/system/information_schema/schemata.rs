//! information_schema.schemata: schemas.

use crate::{
    catalog::SUPERUSER,
    system::{
        SystemContext, column,
        table::{INFORMATION, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: INFORMATION,
    name: "schemata",
    columns: &[
        column::varchar("catalog_name", 128),
        column::varchar("schema_name", 128),
        column::varchar("schema_owner", 128),
        column::varchar("default_character_set_catalog", 128),
        column::varchar("default_character_set_schema", 128),
        column::varchar("default_character_set_name", 128),
        column::varchar("sql_path", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let system = ["pg_catalog", "information_schema"].map(|name| (name, SUPERUSER));
    let user = context.catalog.schemas().map(|schema| (schema.name.as_str(), schema.owner));
    for (name, owner) in system.into_iter().chain(user) {
        rows.push(row![&context.database, name, context.user_name(owner), NULL, NULL, NULL, NULL,]);
    }
}
