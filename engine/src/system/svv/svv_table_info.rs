//! SVV_TABLE_INFO: size, distribution and order of every table that has rows.

use crate::system::{
    SystemContext, column,
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
    {encoding, table_size},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "svv_table_info",
    columns: &[
        column::varchar("database", 128),
        column::varchar("schema", 128),
        column::oid("table_id"),
        column::varchar("table", 128),
        column::varchar("encoded", 32),
        column::varchar("diststyle", 256),
        column::varchar("sortkey1", 256),
        column::integer("max_varchar"),
        column::char("sortkey1_enc", 32),
        column::integer("sortkey_num"),
        column::bigint("size"),
        column::decimal("pct_used", 10, 4),
        column::bigint("empty"),
        column::decimal("unsorted", 5, 2),
        column::decimal("stats_off", 5, 2),
        column::decimal("tbl_rows", 38, 0),
        column::decimal("skew_sortkey1", 19, 2),
        column::decimal("skew_rows", 19, 2),
        column::decimal("estimated_visible_rows", 38, 0),
        column::varchar("risk_event", 256),
        column::decimal("vacuum_sort_benefit", 12, 2),
        column::timestamp("create_time"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for table in context.catalog.tables() {
        // With the deleted rows that are still stored: Redshift counts them until a vacuum.
        let stored: u64 = table.manifest.runs.iter().map(|run| run.row_count).sum();
        if stored == 0 {
            continue;
        }
        let unsorted = table_size::unsorted_hundredths(table);
        let sort_columns = table.sort_key.columns();
        let first = sort_columns.first().and_then(|id| table_size::column(table, *id));
        rows.push(row![
            &context.database,
            context.schema_name(table.schema),
            table.id,
            &table.name,
            table_size::encoded(table),
            table_size::dist_style(table),
            table_size::sort_key(table),
            table_size::longest_varchar(table),
            first.map(|c| encoding::shown(&c.encoding)),
            sort_columns.len() as i64,
            table_size::blocks(table),
            // How large the storage is that this is a part of is not known: it may be S3.
            NULL,
            // For Redshift's internal use.
            0,
            unsorted,
            (table.statistics.changed_percent(table.manifest.row_count()) * 100.0).round() as i64,
            stored,
            table_size::skew_sort_key_hundredths(table),
            table_size::skew_hundredths(table, context.slice_count),
            table.manifest.row_count(),
            NULL,
            // At most: a scan that looks for one value of the sort key reads all rows that are out of order.
            unsorted,
            table.created_at_us,
        ]);
    }
}
