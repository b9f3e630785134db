//! SVV_INTERLEAVED_COLUMNS: the columns of interleaved sort keys. A run is laid out by the ranks of its own values, so that
//! there never is any skew, nor a need for VACUUM REINDEX.

use crate::{
    catalog::SortKey,
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::{NULL, row},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_interleaved_columns",
    columns: &[
        column::integer("tbl"),
        column::integer("col"),
        column::decimal("interleaved_skew", 19, 2),
        column::timestamp("last_reindex"),
    ],
    rows,
};

/// 1.00, in hundredths.
const NO_SKEW: i64 = 100;

fn rows(context: &SystemContext, rows: &mut Rows) {
    for table in context.catalog.tables() {
        let SortKey::Interleaved(columns) = &table.sort_key else { continue };
        for position in columns.iter().filter_map(|id| table.position(*id)) {
            let skew = (!table.manifest.runs.is_empty()).then_some(NO_SKEW);
            rows.push(row![table.id, position as i64, skew, NULL]);
        }
    }
}
