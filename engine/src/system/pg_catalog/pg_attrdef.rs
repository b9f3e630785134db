//! pg_attrdef: defaults of columns, as SQL text.

use crate::system::{
    SystemContext, column, relation,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_attrdef",
    columns: &[
        column::oid("oid"),
        column::oid("adrelid"),
        column::smallint("adnum"),
        column::text("adbin"),
        column::text("adsrc"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let mut next_oid = FIRST_DEFAULT_OID;
    for table in context.catalog.tables() {
        for column in &table.columns {
            if let Some(text) = relation::default_text(table.id, column) {
                rows.push(row![next_oid, table.id, column.id, &text, &text]);
                next_oid += 1;
            }
        }
    }
}

/// Where the OIDs of defaults start. They count through one version of the catalogue: nothing durable
/// refers to them.
const FIRST_DEFAULT_OID: u32 = 1 << 30;
