//! Rows of a query are written by the nodes that compute them.

use std::sync::Arc;

use compute::{
    append::{Append, SliceAppendExec, written},
    load::Loaded,
};
use datafusion::{logical_expr::LogicalPlan, physical_plan::collect};
use engine::{error::Error, plan::PlanningSession};

use super::Written;

/// Writes the rows of a query.
///
/// Contract: as of [`ComputeNodes::write`](super::ComputeNodes::write).
pub(crate) async fn append(
    (planning, plan): (&PlanningSession, &LogicalPlan),
    append: Append,
) -> Result<Written, Error> {
    let append = Arc::new(append);
    let head = move |rows| Ok(Arc::new(SliceAppendExec::new(Arc::clone(&append), rows)) as _);
    let physical = planning.physical_under(plan, head).await?;
    let pieces = collect(physical, planning.task_context()).await?;
    let Loaded { runs, summaries, row_count } = written(&pieces)?;
    Ok(Written { runs, row_count, summaries })
}
