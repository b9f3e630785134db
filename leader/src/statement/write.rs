//! Rows of a statement → runs of a table, within the session's transaction: what INSERT, UPDATE, MERGE,
//! CREATE TABLE AS and COPY share. What is known of the table's values is kept up meanwhile ([`Upkeep`]).

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::Utc;
use compute::append::Append;
use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
        compute::cast,
        datatypes::Schema,
    },
    error::DataFusionError,
    logical_expr::LogicalPlan,
    physical_plan::{ExecutionPlan, collect, execute_stream_partitioned},
};
use engine::{
    catalog::{AnalyzedColumn, CatalogChange, Column, Table, TableChange},
    error::Error as EngineError,
    plan::PlanningSession,
    sql,
    storage::ColumnSummary,
    write::{ColumnSource, RowAssembler},
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use sqlparser::ast;

use crate::{
    cluster::{WriteRequest, Written, appends},
    error::Error,
    session::Session,
};

/// Rows as a statement gives them.
pub(super) type RowStreams = Vec<BoxStream<'static, Result<RecordBatch, EngineError>>>;

/// How rows that arrive change what is known of the table's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upkeep {
    /// Not at all: they count as modified.
    None,
    /// What is known covers them from now on, if they are many, and they count as modified nevertheless: on
    /// Redshift an INSERT is no ANALYZE.
    Absorb,
    /// As ANALYZE: COPY with STATUPDATE, CREATE TABLE AS.
    Analyze,
}

/// Fewer rows are not worth a record of what is known of the table.
const ABSORBED_ROWS_MIN: u64 = 1_000;
/// Nor is a smaller part of the table.
const ABSORBED_PERCENT_MIN: u64 = 1;

/// Runs a plan, one stream per partition.
pub(super) fn streams_of(
    plan: Arc<dyn ExecutionPlan>,
    planning: &PlanningSession,
) -> Result<RowStreams, Error> {
    let partitions = execute_stream_partitioned(plan, planning.task_context())?;
    let streams = partitions.into_iter().map(|rows| rows.map_err(EngineError::from).boxed());
    Ok(streams.collect())
}

/// Writes rows whose columns are `given` (positions in the table, in the order of the streams'
/// columns); the others get their default. Returns the number of rows.
pub(super) async fn append(
    session: &mut Session,
    table: &Arc<Table>,
    given: &[usize],
    streams: RowStreams,
    upkeep: Upkeep,
) -> Result<u64, Error> {
    let sources = sources(session, table, given).await?;
    let identities: Vec<_> = sources.iter().enumerate().filter_map(identity_counter).collect();
    let summarizes = upkeep != Upkeep::None && can_be_kept_up(table);
    let mut written = write(session, table, sources, streams, summarizes).await?;
    let identities = identities.into_iter();
    written.identities.extend(identities.map(|(at, next)| (at, next.load(Ordering::Relaxed))));
    record(session, table, written, upkeep)
}

/// As [`append`], of the rows of a query; in a cluster the nodes write that compute them.
pub(super) async fn append_query(
    session: &mut Session,
    table: &Arc<Table>,
    given: &[usize],
    (planning, plan): (&PlanningSession, &LogicalPlan),
    upkeep: Upkeep,
) -> Result<u64, Error> {
    let leader = Arc::clone(session.leader());
    if let Some(nodes) = leader.compute_nodes() {
        let append = append_of_nodes(session, table, given, upkeep).await?;
        let note = |plan: &_| session.note_plan(plan);
        let query = appends::Query { nodes, planning, plan, note: &note };
        let written = appends::append(query, append).await?;
        return record(session, table, written, upkeep);
    }
    let plan = planning.physical(plan).await?;
    session.note_plan(&plan);
    let streams = streams_of(plan, planning)?;
    append(session, table, given, streams, upkeep).await
}

/// Returns how compute nodes write rows whose columns are `given`.
pub(super) async fn append_of_nodes(
    session: &mut Session,
    table: &Table,
    given: &[usize],
    upkeep: Upkeep,
) -> Result<Append, Error> {
    let sources = sources(session, table, given).await?;
    let slice_count = session.leader().log().slice_count();
    let summarizes = upkeep != Upkeep::None && can_be_kept_up(table);
    Ok(Append::new(table, slice_count, &sources, summarizes)?)
}

/// Returns where the values of each column come from.
async fn sources(
    session: &mut Session,
    table: &Table,
    given: &[usize],
) -> Result<Vec<ColumnSource>, Error> {
    let mut sources = Vec::with_capacity(table.columns.len());
    for (position, column) in table.columns.iter().enumerate() {
        sources.push(match given.iter().position(|known| *known == position) {
            Some(given) => ColumnSource::Given(given),
            None => missing(session, table, column).await?,
        });
    }
    Ok(sources)
}

/// Makes what was written part of the session's transaction. Returns the number of rows.
pub(super) fn record(
    session: &mut Session,
    table: &Table,
    written: Written,
    upkeep: Upkeep,
) -> Result<u64, Error> {
    let mut changes = Vec::new();
    if !written.runs.is_empty() {
        changes.push(CatalogChange::AppendRuns { table: table.id, runs: written.runs });
    }
    for (column, next) in written.identities {
        if let Some((id, identity)) =
            table.columns.get(column).and_then(|c| Some((c.id, c.identity?)))
        {
            session.leader().advance_identity(table.id, id, &identity, next);
        }
        changes.push(CatalogChange::AdvanceIdentity { table: table.id, column, next });
    }
    session.change(changes)?;
    let change = kept_up(session, table, upkeep, (written.row_count, &written.summaries));
    session.change(change.into_iter().collect())?;
    Ok(written.row_count)
}

/// Returns whether what is known of a table's values can be made to cover rows that arrive: there are no others, or
/// they are covered already.
pub(super) fn can_be_kept_up(table: &Table) -> bool {
    let (known, row_count) = (&table.statistics, table.manifest.row_count());
    let is_known = |column: &Column| known.column(column.id).is_some();
    row_count == 0 || known.is_current(row_count) && table.columns.iter().all(is_known)
}

/// Returns what is known of the values of a table now that so many rows were written, of which so much is known;
/// `None` if that is not kept up.
fn kept_up(
    session: &mut Session,
    before: &Table,
    upkeep: Upkeep,
    (row_count, summaries): (u64, &[ColumnSummary]),
) -> Option<CatalogChange> {
    if summaries.len() != before.columns.len() {
        return None;
    }
    let rows_before = before.manifest.row_count();
    let catalog = session.catalog();
    let table = catalog.table_by_id(before.id)?;
    let known = &table.statistics;
    let columns = before.columns.iter().zip(summaries);
    let columns = columns.map(|(column, summary)| {
        let known = known.column(column.id).filter(|_| rows_before > 0);
        analyzed(column, known.map_or_else(|| summary.clone(), |known| known.merged(summary)))
    });
    let change = match upkeep {
        Upkeep::None => return None,
        Upkeep::Absorb => {
            let is_much = row_count >= ABSORBED_ROWS_MIN
                && row_count * 100 >= rows_before * ABSORBED_PERCENT_MIN;
            if !is_much {
                return None;
            }
            let absorbed_count = match rows_before {
                0 => known.modified_count,
                _ => known.absorbed_count + row_count,
            };
            TableChange::AbsorbStatistics { absorbed_count, columns: columns.collect() }
        }
        Upkeep::Analyze => TableChange::Analyze {
            at_us: Utc::now().timestamp_micros(),
            modified_count: match rows_before {
                0 => known.modified_count,
                _ => known.absorbed_count + row_count,
            },
            distinct_counts: Vec::new(),
            columns: columns.collect(),
        },
    };
    Some(CatalogChange::Alter { table: before.id, change })
}

/// Returns what the catalogue keeps of a column.
pub(super) fn analyzed(column: &Column, summary: ColumnSummary) -> AnalyzedColumn {
    let distinct_count = summary.distinct.estimate();
    // As it is when it is read again.
    let summary = ColumnSummary { distinct: summary.distinct.folded(), ..summary };
    AnalyzedColumn { column: column.id, distinct_count, summary: Arc::new(summary) }
}

/// Writes rows to runs of the table; nobody knows of them yet.
pub(super) async fn write(
    session: &Session,
    table: &Table,
    sources: Vec<ColumnSource>,
    streams: RowStreams,
    summarizes: bool,
) -> Result<Written, Error> {
    let request = WriteRequest {
        layout: table.layout(session.leader().log().slice_count()),
        assembler: RowAssembler::new(table.arrow_schema(), sources),
        streams,
        summarizes,
    };
    let compute = Arc::clone(session.leader().compute());
    Ok(compute.write(request).await?)
}

fn identity_counter((position, source): (usize, &ColumnSource)) -> Option<(usize, Arc<AtomicI64>)> {
    match source {
        ColumnSource::Identity { next, .. } => Some((position, Arc::clone(next))),
        _ => None,
    }
}

/// Returns where the values of a column come from that the statement does not give.
async fn missing(
    session: &mut Session,
    table: &Table,
    column: &Column,
) -> Result<ColumnSource, Error> {
    if let Some(identity) = &column.identity {
        let next = session.leader().identity(table.id, column.id, identity);
        return Ok(ColumnSource::Identity { next, step: identity.step });
    }
    if column.default.is_none() {
        return Ok(ColumnSource::Constant(new_null_array(&column.sql_type.arrow(), 1)));
    }
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    default_value(&planning, column).await.map(ColumnSource::Constant)
}

/// Returns the value of a column's DEFAULT, or NULL: an array of length 1.
pub(super) async fn default_value(
    planning: &PlanningSession,
    column: &Column,
) -> Result<ArrayRef, Error> {
    let arrow_type = column.sql_type.arrow();
    let Some(default) = &column.default else { return Ok(new_null_array(&arrow_type, 1)) };
    let value = evaluate(planning, sql::parse_expression(default)?).await?;
    Ok(cast(&value, &arrow_type).map_err(DataFusionError::from)?)
}

/// Returns the value of an expression without columns: an array of length 1.
async fn evaluate(planning: &PlanningSession, expression: ast::Expr) -> Result<ArrayRef, Error> {
    let plan = planning.bind_expression(expression).await?;
    let physical = planning.physical(&plan).await?;
    let batches = collect(physical, planning.task_context()).await?;
    let value = batches.iter().find(|batch| batch.num_rows() == 1).map(|batch| batch.column(0));
    value.map(Arc::clone).ok_or_else(|| {
        EngineError::from(DataFusionError::Internal("a default has no value".to_owned())).into()
    })
}

/// Returns one row of which nothing is given.
pub(super) fn one_empty_row() -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(Schema::empty())))
}
