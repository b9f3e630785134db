//! Rows of a query are written by the nodes that compute them.

use std::sync::Arc;

use compute::{
    addresses::{ADDRESS_COLUMNS, TargetRows},
    append::{Append, SliceAppendExec, replaced, written},
    load::Loaded,
};
use datafusion::{
    arrow::array::RecordBatch,
    error::Result as PlanResult,
    logical_expr::LogicalPlan,
    physical_expr::{Partitioning, PhysicalExpr, expressions::Column},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, collect, repartition::RepartitionExec,
    },
};
use engine::{catalog::Table, error::Error, plan::PlanningSession, write::DeletedRows};

use super::{Written, failed_writes::NodeWrite, lost_nodes::ClusterNodes, plans::nodes_of};

/// A query whose rows are written.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) nodes: &'a ClusterNodes,
    /// What it is planned with.
    pub(crate) planning: &'a PlanningSession,
    /// The query, with its names resolved.
    pub(crate) plan: &'a LogicalPlan,
    /// Is told the plan that runs.
    pub(crate) note: &'a (dyn Fn(&Arc<dyn ExecutionPlan>) + Sync),
}

impl Query<'_> {
    /// Says that its rows are about to be written.
    fn write(&self, append: &Append) -> NodeWrite {
        let nodes = nodes_of(self.planning.task_context().session_config());
        self.nodes.write(append.written(), nodes)
    }
}

/// Rows of a target that give way to others.
pub(crate) struct Change {
    /// How the others are written.
    pub(crate) append: Append,
    /// The rows of the target.
    pub(crate) rows: TargetRows,
    /// Whether all that is found of a row has to meet on one node.
    pub(crate) meets: bool,
}

/// Writes the rows of a query.
///
/// Contract: as of [`ComputeNodes::write`](super::ComputeNodes::write).
pub(crate) async fn append(query: Query<'_>, append: Append) -> Result<Written, Error> {
    let write = query.write(&append);
    let written = written(&pieces(query, append, false).await?)?;
    write.keep();
    Ok(Written::from(written))
}

/// Writes the rows of a query over a target, and returns those of the target; nobody knows of either yet.
pub(crate) async fn change(
    query: Query<'_>,
    change: Change,
) -> Result<(Written, DeletedRows), Error> {
    let Change { append, rows, meets } = change;
    let write = query.write(&append);
    let pieces = pieces(query, append.of_target(rows), meets).await?;
    let (written, replaced) = (written(&pieces)?, replaced(&pieces, rows)?);
    write.keep();
    Ok((Written::from(written), replaced))
}

/// Returns the rows of a target that a query finds.
pub(crate) async fn find(
    query: Query<'_>,
    table: &Table,
    slice_count: u32,
    rows: TargetRows,
) -> Result<DeletedRows, Error> {
    // No column is given: nothing is written.
    let append = Append::new(table, slice_count, &[], false)?;
    replaced(&pieces(query, append.of_target(rows), false).await?, rows)
}

/// Runs a query; returns what its pieces say that they have done.
async fn pieces(
    Query { planning, plan, note, .. }: Query<'_>,
    append: Append,
    meets: bool,
) -> Result<Vec<RecordBatch>, Error> {
    let append = Arc::new(append);
    let head = move |rows: Arc<dyn ExecutionPlan>| -> PlanResult<Arc<dyn ExecutionPlan>> {
        let rows = if meets { met(rows)? } else { rows };
        Ok(Arc::new(SliceAppendExec::new(Arc::clone(&append), rows)))
    };
    let physical = planning.physical_under(plan, head).await?;
    note(&physical);
    Ok(collect(physical, planning.task_context()).await?)
}

/// Brings rows with the same address together.
fn met(rows: Arc<dyn ExecutionPlan>) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let schema = rows.schema();
    let address = schema.fields().iter().take(ADDRESS_COLUMNS).enumerate();
    let address =
        address.map(|(at, field)| Arc::new(Column::new(field.name(), at)) as Arc<dyn PhysicalExpr>);
    let count = rows.output_partitioning().partition_count();
    Ok(Arc::new(RepartitionExec::try_new(rows, Partitioning::Hash(address.collect(), count))?))
}

impl From<Loaded> for Written {
    fn from(Loaded { runs, summaries, row_count, identities }: Loaded) -> Self {
        Self { runs, row_count, summaries, identities }
    }
}
