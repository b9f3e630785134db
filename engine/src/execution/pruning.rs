//! Which runs, and which blocks of a run, can hold a row that a filter lets through.
//!
//! Always errs on the side of reading: what cannot be decided is kept.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, UInt64Array},
    datatypes::SchemaRef,
};
use datafusion::{
    common::{Column, ScalarValue, pruning::PruningStatistics},
    physical_expr::PhysicalExpr,
    physical_optimizer::pruning::PruningPredicateBuilder,
};

use super::{statistics::scalar, stored_columns::StoredColumns};
use crate::storage::{
    run::{ColumnStatistics, Run, StatisticsValue},
    zones::{ZoneColumn, ZoneMap},
};

/// Returns, run by run, whether it can hold a row that passes.
pub(crate) fn surviving_runs(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    runs: &[&Run],
) -> Vec<bool> {
    prune(predicate, schema, &RunBounds { schema, runs })
}

/// Returns, block by block, whether it can hold a row that passes.
pub(crate) fn surviving_blocks(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    stored: &StoredColumns,
    zones: &ZoneMap,
) -> Vec<bool> {
    prune(predicate, schema, &BlockBounds { schema, stored, zones })
}

fn prune(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    statistics: &dyn PruningStatistics,
) -> Vec<bool> {
    let all = || vec![true; statistics.num_containers()];
    let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema));
    // `None`: the predicate says nothing about bounds.
    let Some(predicate) = builder.build(Arc::clone(predicate)) else { return all() };
    predicate.prune(statistics).unwrap_or_else(|error| {
        tracing::debug!(%error, "a filter could not be evaluated on bounds");
        all()
    })
}

struct RunBounds<'a> {
    schema: &'a SchemaRef,
    runs: &'a [&'a Run],
}

impl RunBounds<'_> {
    fn bounds(
        &self,
        column: &Column,
        bound: impl Fn(&ColumnStatistics) -> Option<&StatisticsValue>,
    ) -> Option<ArrayRef> {
        let index = self.schema.index_of(&column.name).ok()?;
        let data_type = self.schema.field(index).data_type();
        let unknown = ScalarValue::try_from(data_type).ok()?;
        let values = self.runs.iter().map(|run| {
            let value = run.columns.get(index).and_then(&bound);
            value.and_then(|value| scalar(value, data_type)).unwrap_or_else(|| unknown.clone())
        });
        ScalarValue::iter_to_array(values).ok()
    }
}

impl PruningStatistics for RunBounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |column| column.min.as_ref())
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |column| column.max.as_ref())
    }

    fn num_containers(&self) -> usize {
        self.runs.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let index = self.schema.index_of(&column.name).ok()?;
        let counts = self.runs.iter().map(|run| run.columns.get(index).map(|c| c.null_count));
        Some(Arc::new(UInt64Array::from_iter(counts)))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = self.runs.iter().map(|run| run.row_count);
        Some(Arc::new(UInt64Array::from_iter_values(counts)))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

struct BlockBounds<'a> {
    schema: &'a SchemaRef,
    stored: &'a StoredColumns,
    zones: &'a ZoneMap,
}

impl BlockBounds<'_> {
    /// Returns the zones of a column; `None` if the run lacks it.
    fn zones_of(&self, column: &Column) -> Option<&ZoneColumn> {
        let index = self.schema.index_of(&column.name).ok()?;
        self.zones.column(self.stored.names(index)?)
    }
}

impl PruningStatistics for BlockBounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.zones_of(column)?.min.clone()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.zones_of(column)?.max.clone()
    }

    fn num_containers(&self) -> usize {
        self.zones.block_count()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        Some(Arc::new(self.zones_of(column)?.null_counts.clone()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let blocks = 0..self.zones.block_count();
        let counts =
            blocks.map(|block| self.zones.block_rows(block)).map(|rows| rows.end - rows.start);
        Some(Arc::new(UInt64Array::from_iter_values(counts)))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
