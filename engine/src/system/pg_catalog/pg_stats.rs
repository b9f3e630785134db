//! pg_stats: how the values of each column are spread, as ANALYZE found it. PostgreSQL 8.0's columns; the elements of
//! `anyarray` are texts here.

use crate::{
    storage::ValueStatistics,
    system::{
        SystemContext, analyzed_column, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::row,
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "pg_stats",
    columns: &[
        column::name("schemaname"),
        column::name("tablename"),
        column::name("attname"),
        column::real("null_frac"),
        column::integer("avg_width"),
        column::real("n_distinct"),
        column::texts("most_common_vals"),
        column::reals("most_common_freqs"),
        column::texts("histogram_bounds"),
        column::real("correlation"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for analyzed in analyzed_column::all(context) {
        let ValueStatistics { null_fraction, correlation, .. } = analyzed.summary.values;
        rows.push(row![
            context.schema_name(analyzed.table.schema),
            &analyzed.table.name,
            &analyzed.column.name,
            null_fraction,
            analyzed.width_bytes(),
            analyzed.distinct(),
            analyzed.most_common_values(),
            analyzed.most_common_fractions(),
            analyzed.bounds(),
            correlation,
        ]);
    }
}
