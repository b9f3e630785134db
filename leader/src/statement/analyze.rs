//! ANALYZE: counts the distinct values of columns over all rows, and draws a sample that says how they are spread. The
//! rest that is known of a table is known of every run since it was written.
//!
//! ```text
//!  slices ─▶ rows of the columns ─┬▶ an estimator per slice and column ─┬▶ a summary per column ─▶ the catalogue
//!                                 └▶ a sample per slice ────────────────┘
//! ```

use std::{collections::BTreeMap, sync::Arc};

use chrono::Utc;
use datafusion::{arrow::array::RecordBatch, error::DataFusionError};
use engine::{
    catalog::{Catalog, CatalogChange, SUPERUSER, Table, TableChange},
    error::Error as EngineError,
    ids::TableId,
    sql::Analyze,
    storage::{ColumnSummary, DistinctEstimator, RowSample, SAMPLE_ROWS_MAX, StorageError},
    system::TableAnalyzed,
};
use futures::{TryStreamExt, stream::BoxStream};
use tokio::task::JoinSet;

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{names, write},
};

pub(super) async fn run(session: &mut Session, analyze: &Analyze) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let Some(name) = &analyze.table else {
        for table in catalog.tables() {
            look_at(session, &catalog, table, Vec::new()).await?;
        }
        return Ok(Outcome::done("ANALYZE"));
    };
    let table = names::table(session, &catalog, name)?;
    let columns = names::column_positions(&table, &analyze.columns)?;
    let skipped = look_at(session, &catalog, &table, columns).await?;
    Ok(Outcome::done(if skipped { "ANALYZE SKIP" } else { "ANALYZE" }))
}

/// Analyzes columns of a table, all if none are named; returns whether it was skipped because too little of it
/// has changed.
async fn look_at(
    session: &mut Session,
    catalog: &Arc<Catalog>,
    table: &Arc<Table>,
    columns: Vec<usize>,
) -> Result<bool, Error> {
    let start_us = Utc::now().timestamp_micros();
    let threshold = session.parameters().analyze_threshold_percent();
    let row_count = table.manifest.row_count();
    let known = &table.statistics;
    let skipped = known.analyzed_at_us.is_some() && known.changed_percent(row_count) < threshold;
    if !skipped {
        let change = analysis(session, catalog, table, columns).await?;
        session.change(vec![CatalogChange::Alter { table: table.id, change }])?;
    }
    let schema = catalog.schema_by_id(table.schema);
    let xid = session.transaction().xid();
    session.leader().events().table_analyzed(TableAnalyzed {
        user: SUPERUSER,
        xid,
        database: session.client().database.clone(),
        table: table.id,
        schema_name: schema.map(|schema| schema.name.clone()).unwrap_or_default(),
        table_name: table.name.clone(),
        skipped,
        row_count,
        modified_count: known.modified_count,
        threshold_percent: threshold.round() as i32,
        start_us,
        end_us: Utc::now().timestamp_micros(),
        previous_us: known.analyzed_at_us,
    });
    Ok(skipped)
}

/// Analyzes all columns of a table, however little of it has changed: what a COPY with STATUPDATE does, unless it can
/// tell from the rows that it loads.
pub(super) async fn all_columns(session: &mut Session, id: TableId) -> Result<(), Error> {
    let catalog = session.catalog();
    let Some(table) = catalog.table_by_id(id).map(Arc::clone) else { return Ok(()) };
    let change = analysis(session, &catalog, &table, Vec::new()).await?;
    session.change(vec![CatalogChange::Alter { table: id, change }])
}

/// Returns what these columns are found to be like, all if none are named.
async fn analysis(
    session: &mut Session,
    catalog: &Arc<Catalog>,
    table: &Arc<Table>,
    columns: Vec<usize>,
) -> Result<TableChange, Error> {
    let at_us = Utc::now().timestamp_micros();
    let columns = if columns.is_empty() { (0..table.columns.len()).collect() } else { columns };
    let planning = session.planning(Arc::clone(catalog));
    let plan = planning.scan(table, columns.clone())?;
    let physical = planning.physical(&plan).await?;
    let schema = physical.schema();
    let streams = write::streams_of(physical, &planning)?;
    let sample_rows_max = SAMPLE_ROWS_MAX / streams.len().max(1);
    let mut looking = JoinSet::new();
    for (slice, rows) in streams.into_iter().enumerate() {
        let seen = Seen {
            sample: RowSample::new(sample_rows_max),
            distinct: vec![DistinctEstimator::default(); columns.len()],
        };
        looking.spawn(async move { seen.all_of(rows).await.map(|seen| (slice, seen)) });
    }
    let mut slices = BTreeMap::new();
    while let Some(seen) = looking.join_next().await {
        let (slice, seen) = seen.map_err(EngineError::panicked)??;
        slices.insert(slice, seen);
    }
    let mut distinct = vec![DistinctEstimator::default(); columns.len()];
    let mut samples = Vec::with_capacity(slices.len());
    for seen in slices.into_values() {
        distinct.iter_mut().zip(&seen.distinct).for_each(|(all, seen)| all.merge(seen));
        samples.push(seen.sample);
    }
    let summarize = move || ColumnSummary::of_rows(&schema, samples, distinct);
    let summaries = tokio::task::spawn_blocking(summarize).await.map_err(EngineError::panicked)?;
    let summaries = summaries.map_err(DataFusionError::from)?;
    let columns = columns.iter().filter_map(|position| table.columns.get(*position));
    let columns = columns.zip(summaries).map(|(column, found)| write::analyzed(column, found));
    Ok(TableChange::Analyze {
        at_us,
        modified_count: table.statistics.modified_count,
        distinct_counts: Vec::new(),
        columns: columns.collect(),
    })
}

/// What was seen of the rows of a slice.
struct Seen {
    sample: RowSample,
    /// Per column.
    distinct: Vec<DistinctEstimator>,
}

impl Seen {
    async fn all_of(
        mut self,
        mut rows: BoxStream<'static, Result<RecordBatch, EngineError>>,
    ) -> Result<Self, EngineError> {
        while let Some(batch) = rows.try_next().await? {
            for (distinct, column) in self.distinct.iter_mut().zip(batch.columns()) {
                distinct.add_array(column.as_ref()).map_err(StorageError::from)?;
            }
            self.sample.add(&batch).map_err(DataFusionError::from)?;
        }
        Ok(self)
    }
}
