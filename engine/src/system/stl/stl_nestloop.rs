//! STL_NESTLOOP: joins that held every row against every other.

use crate::system::{
    SystemContext, column,
    executed::{StepKind, each_slice, place},
    table::{PG_CATALOG, Rows, SystemTable},
    value::{NULL, row},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_nestloop",
    columns: &[
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
    ],
    rows,
};

fn rows(context: &SystemContext, rows: &mut Rows) {
    let wanted = |kind: StepKind| kind == StepKind::NestedLoop;
    each_slice(context, wanted, |query, step, slice| {
        let mut made = place(query, step, slice);
        made.extend(row![slice.slice, slice.rows, step.table, NULL,]);
        rows.push(made);
    });
}
