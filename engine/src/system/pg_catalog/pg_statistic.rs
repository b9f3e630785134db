//! pg_statistic: what `pg_stats` shows, as PostgreSQL's catalogue has it: slot 1 is the most common values, slot 2 the
//! histogram, slot 3 the correlation.

use crate::system::{
    SystemContext, analyzed_column, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// `STATISTIC_KIND_MCV`, `_HISTOGRAM` and `_CORRELATION`; 0 is an empty slot.
const KINDS: [i16; 3] = [1, 2, 3];

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_statistic",
    columns: &[
        column::oid("starelid"),
        column::smallint("staattnum"),
        column::real("stanullfrac"),
        column::integer("stawidth"),
        column::real("stadistinct"),
        column::smallint("stakind1"),
        column::smallint("stakind2"),
        column::smallint("stakind3"),
        column::smallint("stakind4"),
        column::oid("staop1"),
        column::oid("staop2"),
        column::oid("staop3"),
        column::oid("staop4"),
        column::reals("stanumbers1"),
        column::reals("stanumbers2"),
        column::reals("stanumbers3"),
        column::reals("stanumbers4"),
        column::texts("stavalues1"),
        column::texts("stavalues2"),
        column::texts("stavalues3"),
        column::texts("stavalues4"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for analyzed in analyzed_column::all(context) {
        let (common, bounds) = (analyzed.most_common_values(), analyzed.bounds());
        let correlation = analyzed.summary.values.correlation;
        let is_there = [common.is_some(), bounds.is_some(), correlation.is_some()];
        let mut kinds =
            KINDS.iter().zip(is_there).map(|(kind, there)| if there { *kind } else { 0 });
        let mut kind = || kinds.next().unwrap_or(0);
        rows.push(row![
            analyzed.table.id,
            analyzed.column.id,
            analyzed.summary.values.null_fraction,
            analyzed.width_bytes(),
            analyzed.distinct(),
            kind(),
            kind(),
            kind(),
            kind(),
            0,
            0,
            0,
            0,
            analyzed.most_common_fractions(),
            NULL,
            correlation.map(|correlation| vec![correlation]),
            NULL,
            common,
            bounds,
            NULL,
            NULL,
        ]);
    }
}
