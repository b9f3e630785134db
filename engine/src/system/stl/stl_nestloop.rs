//! STL_NESTLOOP: joins that held every row against every other.

use crate::system::{
    SystemContext,
    column::{self, SystemColumn},
    executed::{StepKind, each_slice, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_nestloop",
    columns: COLUMNS,
    rows: |context, rows| rows_of(StepKind::NestedLoop, context, rows),
};

/// The columns of a join that is neither by hash.
pub(super) const COLUMNS: &[SystemColumn] = &[
    column::integer("userid"),
    column::integer("query"),
    column::integer("slice"),
    column::integer("segment"),
    column::integer("step"),
    column::timestamp("starttime"),
    column::timestamp("endtime"),
    column::integer("tasknum"),
    column::bigint("rows"),
    column::integer("tbl"),
    column::bigint("checksum"),
];

/// Adds the joins of this kind, slice by slice.
pub(super) fn rows_of(kind: StepKind, context: &SystemContext, rows: &mut Rows) {
    each_slice(
        context,
        |step| step == kind,
        |query, step, slice| {
            let mut made = place(query, step, slice);
            made.extend(row![slice.slice, slice.rows, step.table, NULL,]);
            rows.push(made);
        },
    );
}
