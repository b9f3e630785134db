//! Small runs whose rows are in the catalogue: those of a slice are read together, as if they were one run.
//!
//! ```text
//!  run, run, run, …   ─gather─▶ one file of the plan   ─open─▶ rows without the deleted ones, in order
//!  (same columns)               (bounds of all of them)         ─▶ filter ─▶ projection
//! ```
//!
//! No zone map is asked, and Vortex is not: whatever was pushed into the scan is evaluated on the rows.

use std::sync::Arc;

use arrow::{
    array::{BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array},
    compute::{
        SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
    },
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::{
    common::{DataFusionError, Result, internal_err},
    datasource::table_schema::TableSchema,
    physical_expr::{PhysicalExpr, projection::ProjectionExprs},
    physical_plan::filter::batch_filter,
};

use super::{
    row_address::{POSITION_COLUMN, RUN_COLUMN},
    stored_columns::StoredColumns,
};
use crate::{
    catalog::Table,
    ids::{DeleteVectorId, RunId},
    storage::{
        DeleteVector, ManagedStorage, SORT_OPTIONS, StorageError,
        inline::InlineRows,
        paths::RunPath,
        run::{ColumnStatistics, Run},
    },
};

/// Inline runs that are read as one: an extension of the file that stands for them.
#[derive(Debug, Clone)]
pub(super) struct InlineRuns {
    runs: Vec<InlineRun>,
    /// Of the table.
    sort_columns: Vec<usize>,
    has_addresses: bool,
}

#[derive(Debug, Clone)]
struct InlineRun {
    /// Its place in the manifest, for its rows' addresses.
    place: Option<u32>,
    path: RunPath,
    rows: Arc<InlineRows>,
    deletes: Vec<DeleteVectorId>,
}

/// What is done with the rows of a scan.
pub(super) struct RowWork<'a> {
    pub(super) table: &'a TableSchema,
    pub(super) stored: &'a Arc<StoredColumns>,
    pub(super) predicate: Option<&'a Arc<dyn PhysicalExpr>>,
    pub(super) projection: &'a ProjectionExprs,
}

/// Puts runs of one slice together that have the same columns; each list is to be read as one.
pub(super) fn gather<'a>(runs: impl Iterator<Item = &'a Run>) -> Vec<Vec<&'a Run>> {
    let mut gathered: Vec<(&SchemaRef, Vec<&Run>)> = Vec::new();
    for run in runs {
        let Some(rows) = &run.inline else { continue };
        let schema = rows.rows().schema_ref();
        match gathered.iter_mut().rev().find(|(known, _)| *known == schema) {
            Some((_, runs)) => runs.push(run),
            None => gathered.push((schema, vec![run])),
        }
    }
    gathered.into_iter().map(|(_, runs)| runs).collect()
}

/// Returns what the manifest would say of these runs if they were one; `None` of no run.
pub(super) fn as_one(runs: &[&Run]) -> Option<Run> {
    let first = runs.first()?;
    let width = runs.iter().map(|run| run.columns.len()).min().unwrap_or(0);
    let column = |at: usize| {
        ColumnStatistics::together(runs.iter().map(|run| (&run.columns[at], run.row_count)))
    };
    Some(Run {
        row_count: runs.iter().map(|run| run.row_count).sum(),
        bytes: runs.iter().map(|run| run.bytes).sum(),
        columns: (0..width).map(column).collect(),
        deletes: runs.iter().flat_map(|run| run.deletes.iter().copied()).collect(),
        ..(*first).clone()
    })
}

impl InlineRuns {
    /// Returns the runs, each with its place in the manifest.
    pub(super) fn new(
        table: &Table,
        runs: &[&Run],
        place: impl Fn(&Run) -> Option<u32>,
        sort_columns: Vec<usize>,
        has_addresses: bool,
    ) -> Self {
        let runs = runs.iter().filter_map(|run| {
            Some(InlineRun {
                place: place(run),
                path: table.run_path(run),
                rows: Arc::clone(run.inline.as_ref()?),
                deletes: run.deletes.iter().map(|vector| vector.id).collect(),
            })
        });
        Self { runs: runs.collect(), sort_columns, has_addresses }
    }

    /// Returns the ids of the runs.
    pub(super) fn ids(&self) -> impl Iterator<Item = RunId> + '_ {
        self.runs.iter().map(|run| run.path.run)
    }

    /// Returns the rows that the scan asks for.
    pub(super) async fn read(
        &self,
        storage: &ManagedStorage,
        work: RowWork<'_>,
    ) -> Result<RecordBatch> {
        let mut batches = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let deleted = run
                .deleted(storage)
                .await
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            batches.push(run.live_rows(self.has_addresses, deleted)?);
        }
        let Some(first) = batches.first() else {
            return internal_err!("small runs without a run");
        };
        let rows = concat_batches(&first.schema(), &batches)?;
        let rows = if batches.len() > 1 { self.in_order(rows, work.stored)? } else { rows };
        work.done_with(&rows)
    }

    /// Puts the rows of several runs in the order of the sort key.
    fn in_order(&self, rows: RecordBatch, stored: &StoredColumns) -> Result<RecordBatch> {
        let keys = self.sort_columns.iter().filter_map(|column| {
            // A column that the runs lack has one value in all of them.
            let names = stored.names(*column)?.iter();
            let values = names.filter_map(|name| rows.column_by_name(name)).next()?;
            Some(SortColumn { values: Arc::clone(values), options: Some(SORT_OPTIONS) })
        });
        let keys: Vec<SortColumn> = keys.collect();
        if keys.is_empty() {
            return Ok(rows);
        }
        Ok(take_record_batch(&rows, &lexsort_to_indices(&keys, None)?)?)
    }
}

impl InlineRun {
    async fn deleted(&self, storage: &ManagedStorage) -> Result<DeleteVector, StorageError> {
        let mut deleted = DeleteVector::default();
        for id in &self.deletes {
            deleted.extend(&*storage.delete_vector(self.path, *id).await?);
        }
        Ok(deleted)
    }

    /// Returns the rows that are not deleted, with their addresses where the scan has them.
    fn live_rows(&self, has_addresses: bool, deleted: DeleteVector) -> Result<RecordBatch> {
        let mut rows = self.rows.rows().clone();
        let count = rows.num_rows() as u64;
        if let (true, Some(place)) = (has_addresses, self.place) {
            let mut columns = rows.columns().to_vec();
            columns.push(Arc::new(UInt64Array::from_iter_values(0..count)));
            columns.push(Arc::new(UInt32Array::from_value(place, rows.num_rows())));
            rows = RecordBatch::try_new(with_addresses(rows.schema_ref()), columns)?;
        }
        if deleted.is_empty() {
            return Ok(rows);
        }
        let live = (0..count).map(|row| Some(!deleted.rows().contains(row)));
        Ok(filter_record_batch(&rows, &BooleanArray::from_iter(live))?)
    }
}

fn with_addresses(schema: &SchemaRef) -> SchemaRef {
    let position = Arc::new(Field::new(POSITION_COLUMN, DataType::UInt64, false));
    let run = Arc::new(Field::new(RUN_COLUMN, DataType::UInt32, false));
    Arc::new(Schema::new(
        schema.fields().iter().cloned().chain([position, run]).collect::<Vec<_>>(),
    ))
}

impl RowWork<'_> {
    fn done_with(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let (table, schema) = (self.table.table_schema(), rows.schema());
        let adapter = self.stored.adapter_of_rows(Arc::clone(table), Arc::clone(&schema))?;
        let filtered = match self.predicate {
            Some(predicate) => batch_filter(rows, &adapter.rewrite(Arc::clone(predicate))?)?,
            None => rows.clone(),
        };
        let projection = self.projection.clone().try_map_exprs(|expr| adapter.rewrite(expr))?;
        let projected = projection.make_projector(&schema)?.project_batch(&filtered)?;
        let output = Arc::new(self.projection.project_schema(table)?);
        let (_, columns, row_count) = projected.into_parts();
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        Ok(RecordBatch::try_new_with_options(output, columns, &options)?)
    }
}
