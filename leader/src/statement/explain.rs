//! EXPLAIN [ANALYZE] [VERBOSE]: the plan as text, one line a row. What it looks like is in `engine::plan::explain`.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringViewArray},
        datatypes::{Schema, SchemaRef},
    },
    common::ScalarValue,
    physical_plan::{
        ExecutionPlan, display::DisplayableExecutionPlan, execute_stream, memory::MemoryStream,
    },
};
use engine::{
    client_error::SqlState,
    plan::{PlanningSession, explain::ExplainedPlan},
    sql::{Explain, ExplainFormat, Statement},
    types::SqlType,
};
use futures::StreamExt;

use crate::{
    error::Error,
    session::{Outcome, RowsTag, Session},
    statement::{BoundPlan, delete, insert, select, update},
};

pub(super) async fn run(
    session: &mut Session,
    explain: &Explain,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let BoundPlan { planning, plan } = bound(session, &explain.statement, parameters).await?;
    let plan = planning.physical(&plan).await?;
    let ran = if explain.analyze { Some(run_through(&plan, &planning).await?) } else { None };
    let plan = session.leader().planner().told(plan)?;
    let mut lines = match explain.format {
        ExplainFormat::Text => told(&plan, explain),
        ExplainFormat::DataFusion => operators(&plan, explain),
    };
    lines.extend(ran.into_iter().flatten());
    let lines = lines.into_iter().map(Some).collect::<StringViewArray>();
    rows_of(schema(), vec![Arc::new(lines)], RowsTag::Explain)
}

/// Resolves the names of a statement that is not run.
async fn bound(
    session: &mut Session,
    statement: &Statement,
    parameters: &[ScalarValue],
) -> Result<BoundPlan, Error> {
    let query = match statement {
        Statement::Query(query) => query,
        Statement::CreateTableAs(create) => &create.query,
        Statement::Insert(insert) => return insert::plan(session, insert, parameters).await,
        Statement::Update(update) => return update::plan(session, update, parameters).await,
        Statement::Delete(delete) => return delete::plan(session, delete, parameters).await,
        _ => {
            let message = "this statement has no plan";
            return Err(Error::statement(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
    };
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let plan = select::bind(&planning, query, parameters).await?;
    Ok(BoundPlan { planning, plan })
}

/// Runs a plan whose rows nobody wants; returns the lines that say so.
async fn run_through(
    plan: &Arc<dyn ExecutionPlan>,
    planning: &PlanningSession,
) -> Result<[String; 2], Error> {
    let started = tokio::time::Instant::now();
    let mut rows = execute_stream(Arc::clone(plan), planning.task_context())?;
    let mut row_count = 0;
    while let Some(batch) = rows.next().await {
        row_count += batch?.num_rows();
    }
    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
    Ok([format!("Rows: {row_count}"), format!("Total runtime: {elapsed_ms:.3} ms")])
}

/// Returns a plan in Redshift's words.
fn told(plan: &Arc<dyn ExecutionPlan>, explain: &Explain) -> Vec<String> {
    let plan = ExplainedPlan::of(plan);
    let mut lines = Vec::new();
    if explain.verbose {
        lines.extend(plan.dump());
        lines.push(String::new());
    }
    lines.extend(if explain.analyze { plan.analyzed_lines() } else { plan.lines() });
    lines
}

/// Returns a plan in DataFusion's words.
fn operators(plan: &Arc<dyn ExecutionPlan>, explain: &Explain) -> Vec<String> {
    let display = match explain.analyze {
        true => DisplayableExecutionPlan::with_metrics(plan.as_ref()),
        false => DisplayableExecutionPlan::new(plan.as_ref()),
    };
    display.indent(explain.verbose).to_string().lines().map(str::to_owned).collect()
}

/// Returns the one column of an EXPLAIN.
pub(super) fn schema() -> SchemaRef {
    let line = SqlType::Varchar { length: engine::types::VARCHAR_LENGTH_MAX };
    Arc::new(Schema::new(vec![line.field("QUERY PLAN", false)]))
}

/// Returns rows that are there already.
pub(super) fn rows_of(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    tag: RowsTag,
) -> Result<Outcome, Error> {
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
        .map_err(datafusion::error::DataFusionError::from)?;
    let batches = MemoryStream::try_new(vec![batch], Arc::clone(&schema), None)?;
    Ok(Outcome::Rows { schema, batches: Box::pin(batches), tag })
}
