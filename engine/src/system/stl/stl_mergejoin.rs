//! STL_MERGEJOIN: joins of rows in the order of the keys.

use super::stl_nestloop::{COLUMNS, rows_of};
use crate::system::{
    executed::StepKind,
    table::{PG_CATALOG, SystemTable},
};

/// The table.
pub(crate) const TABLE: SystemTable = SystemTable {
    schema: PG_CATALOG,
    name: "stl_mergejoin",
    columns: COLUMNS,
    rows: |context, rows| rows_of(StepKind::MergeJoin, context, rows),
};
