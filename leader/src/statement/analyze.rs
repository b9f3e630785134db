//! ANALYZE: counts the distinct values of columns over all rows. The rest that is known of a table is known of every
//! run since it was written.
//!
//! ```text
//!  slices ─▶ rows of the columns ─▶ an estimator per slice and column ─▶ one per column ─▶ the catalogue
//! ```

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::RecordBatch;
use engine::{
    catalog::{Catalog, CatalogChange, SUPERUSER, Table, TableChange},
    error::Error as EngineError,
    ids::ColumnId,
    sql::Analyze,
    storage::{DistinctEstimator, StorageError},
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
        let columns = if columns.is_empty() { (0..table.columns.len()).collect() } else { columns };
        let distinct_counts = distinct_counts(session, catalog, table, columns).await?;
        let change = TableChange::Analyze {
            at_us: start_us,
            modified_count: known.modified_count,
            distinct_counts,
        };
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

/// Returns how many different values these columns have.
async fn distinct_counts(
    session: &mut Session,
    catalog: &Arc<Catalog>,
    table: &Arc<Table>,
    columns: Vec<usize>,
) -> Result<Vec<(ColumnId, u64)>, Error> {
    let ids: Vec<ColumnId> = columns.iter().map(|position| table.columns[*position].id).collect();
    let planning = session.planning(Arc::clone(catalog));
    let plan = planning.scan(table, columns)?;
    let mut counting = JoinSet::new();
    for rows in write::streams_of(planning.physical(&plan).await?, &planning)? {
        counting.spawn(count(rows, ids.len()));
    }
    let mut all = vec![DistinctEstimator::default(); ids.len()];
    while let Some(counted) = counting.join_next().await {
        let counted = counted.map_err(EngineError::panicked)??;
        all.iter_mut().zip(&counted).for_each(|(all, counted)| all.merge(counted));
    }
    Ok(ids.into_iter().zip(all.iter().map(DistinctEstimator::estimate)).collect())
}

async fn count(
    mut rows: BoxStream<'static, Result<RecordBatch, EngineError>>,
    column_count: usize,
) -> Result<Vec<DistinctEstimator>, EngineError> {
    let mut counted = vec![DistinctEstimator::default(); column_count];
    while let Some(batch) = rows.try_next().await? {
        for (distinct, column) in counted.iter_mut().zip(batch.columns()) {
            distinct.add_array(column.as_ref()).map_err(StorageError::from)?;
        }
    }
    Ok(counted)
}
