//! Rows of a query are written by the nodes that compute them.

use std::sync::Arc;

use compute::{
    append::{Append, SliceAppendExec, written},
    load::Loaded,
};
use datafusion::{logical_expr::LogicalPlan, physical_plan::collect};
use engine::{catalog::Table, error::Error, plan::PlanningSession, write::ColumnSource};

use super::Written;

/// Writes the rows of a query to a table; `None`, with nothing done, if one place has to give values out.
///
/// Contract: as of [`ComputeNodes::write`](super::ComputeNodes::write).
pub(crate) async fn append(
    (planning, plan): (&PlanningSession, &LogicalPlan),
    table: &Table,
    slice_count: u32,
    sources: &[ColumnSource],
    summarizes: bool,
) -> Result<Option<Written>, Error> {
    let append = Append::new(table, slice_count, sources, summarizes);
    let Some(append) = append.map(Arc::new) else { return Ok(None) };
    let head = move |rows| Ok(Arc::new(SliceAppendExec::new(Arc::clone(&append), rows)) as _);
    let physical = planning.physical_under(plan, head).await?;
    let pieces = collect(physical, planning.task_context()).await?;
    let Loaded { runs, summaries, row_count } = written(&pieces)?;
    Ok(Some(Written { runs, row_count, summaries }))
}
