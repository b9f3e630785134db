//! EXPLAIN [ANALYZE] [VERBOSE]: the plan as text, one line a row.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringViewArray},
        datatypes::{Schema, SchemaRef},
    },
    common::ScalarValue,
    physical_plan::{
        ExecutionPlanProperties, display::DisplayableExecutionPlan, execute_stream,
        memory::MemoryStream,
    },
};
use engine::{sql::Explain, types::SqlType};
use futures::StreamExt;

use crate::{
    error::Error,
    session::{Outcome, RowsTag, Session},
    statement::select,
};

pub(super) async fn run(
    session: &mut Session,
    explain: &Explain,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let plan = select::bind(&planning, &explain.query, parameters).await?;
    let physical = planning.physical(&plan).await?;
    let text = if explain.analyze {
        let started = tokio::time::Instant::now();
        let mut rows = execute_stream(Arc::clone(&physical), planning.task_context())?;
        let mut row_count = 0;
        while let Some(batch) = rows.next().await {
            row_count += batch?.num_rows();
        }
        let elapsed = started.elapsed();
        let display = DisplayableExecutionPlan::with_metrics(physical.as_ref());
        let tree = display.indent(explain.verbose).to_string();
        let partitions = physical.output_partitioning().partition_count();
        format!(
            "{tree}Rows: {row_count}\nPartitions: {partitions}\nTotal runtime: {:.3} ms",
            elapsed.as_secs_f64() * 1000.0
        )
    } else {
        DisplayableExecutionPlan::new(physical.as_ref()).indent(explain.verbose).to_string()
    };
    let lines = text.lines().map(Some).collect::<StringViewArray>();
    rows_of(schema(), vec![Arc::new(lines)], RowsTag::Explain)
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
