//! STV_TBL_PERM: rows of every table on every slice.

use crate::{
    ids::SliceId,
    system::{
        SystemContext, column,
        table::{PG_CATALOG, Rows, SystemTable},
        value::row,
        {table_size, text::cut},
    },
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stv_tbl_perm",
    columns: &[
        column::integer("slice"),
        column::integer("id"),
        column::char("name", 72),
        column::bigint("rows"),
        column::bigint("sorted_rows"),
        column::integer("temp"),
        column::integer("db_id"),
        column::integer("insert_pristine"),
        column::integer("delete_pristine"),
        column::integer("backup"),
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    for table in context.catalog.all_tables() {
        for slice in 0..context.slice_count {
            let (row_count, sorted) = table_size::slice_rows(table, SliceId(slice));
            rows.push(row![
                slice,
                table.id,
                cut(&table.name, 72),
                row_count,
                sorted,
                i32::from(context.is_temporary(table.schema)),
                context.catalog.database_of(table.schema),
                0,
                0,
                1,
            ]);
        }
    }
}
