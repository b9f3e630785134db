//! Row addresses: two hidden columns that say which row of which run a row is. What DELETE, UPDATE and
//! MERGE find their rows by.
//!
//! | column      | is                                       | comes from                           |
//! |-------------|------------------------------------------|--------------------------------------|
//! | `$position` | the row's place in its run, from 0       | Vortex, which counts rows as it scans |
//! | `$run`      | the run's place in the table's manifest  | a constant of the file                |
//!
//! DataFusion sees `$position` as a column of the file. When a run is opened, [`with_position`]
//! puts an expression in its place that only Vortex can evaluate.

use std::{fmt, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
};
use datafusion::{
    common::{
        Result, internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    datasource::table_schema::TableSchema,
    logical_expr::ColumnarValue,
    physical_expr::{PhysicalExpr, expressions::Column},
};
use vortex::{expr::Expression, layout::layouts::row_idx::row_idx};

/// The hidden column that names the run: UINT32.
pub const RUN_COLUMN: &str = "$run";
/// The hidden column that names the row within the run: UINT64.
pub const POSITION_COLUMN: &str = "$position";

/// Returns a table's schema with the columns of row addresses behind its own.
pub(super) fn with_addresses(schema: &SchemaRef) -> TableSchema {
    let position = Arc::new(Field::new(POSITION_COLUMN, DataType::UInt64, false));
    let run: FieldRef = Arc::new(Field::new(RUN_COLUMN, DataType::UInt32, false));
    let in_file = schema.fields().iter().cloned().chain([position]);
    TableSchema::builder(Arc::new(Schema::new(in_file.collect::<Vec<_>>())))
        .with_table_partition_cols(vec![run])
        .build()
}

/// The position of a row in its run, as an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct RowPosition;

impl fmt::Display for RowPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(POSITION_COLUMN)
    }
}

impl PhysicalExpr for RowPosition {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, _: &RecordBatch) -> Result<ColumnarValue> {
        internal_err!("the position of a row was asked for outside the scan of its run")
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }

    fn is_volatile_node(&self) -> bool {
        true
    }
}

/// Puts [`RowPosition`] in the place of `$position`, which no run has.
pub(super) fn with_position(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let positions = expr.transform_down(|expr| {
        Ok(match expr.downcast_ref::<Column>() {
            Some(column) if column.name() == POSITION_COLUMN => {
                Transformed::yes(Arc::new(RowPosition) as Arc<dyn PhysicalExpr>)
            }
            _ => Transformed::no(expr),
        })
    });
    positions.data()
}

/// Returns [`RowPosition`] in Vortex's terms; `None` if `expr` is another.
pub(super) fn position_in_vortex(expr: &Arc<dyn PhysicalExpr>) -> Option<Expression> {
    expr.downcast_ref::<RowPosition>().map(|_| row_idx())
}
