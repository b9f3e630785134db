//! STL_ANALYZE: tables that ANALYZE looked at.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::row,
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_analyze",
    columns: &[
        column::integer("userid"),
        column::bigint("xid"),
        column::char("database", 30),
        column::integer("table_id"),
        column::char("status", 15),
        column::bigint("rows"),
        column::bigint("modified_rows"),
        column::integer("threshold_percent"),
        column::char("is_auto", 1),
        column::timestamp("starttime"),
        column::timestamp("endtime"),
        column::timestamp("prevtime"),
        column::integer("num_predicate_cols"),
        column::integer("num_new_predicate_cols"),
        column::char("is_background", 1),
        column::char("auto_analyze_phase", 100),
        column::char("schema_name", 128),
        column::char("table_name", 128),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    context.events.visit_analyzed(|table| {
        rows.push(row![
            table.user,
            table.xid,
            &table.database,
            table.table,
            if table.skipped { "Skipped" } else { "Full" },
            table.row_count,
            table.modified_count,
            table.threshold_percent,
            "f",
            table.start_us,
            table.end_us,
            table.previous_us,
            0,
            0,
            "f",
            "",
            &table.schema_name,
            &table.table_name,
        ]);
    });
}
