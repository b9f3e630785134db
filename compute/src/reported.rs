//! Errors that keep their SQLSTATE on the way to the leader.
//!
//! Between nodes an error of ours is its message and no more. So the piece of a plan that a node runs is put
//! into [`Reporting`], which turns errors into texts that the leader makes errors of again
//! ([`engine::error::CarriedError`]).

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use datafusion::{
    common::{Result, tree_node::TreeNodeRecursion},
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext, runtime_env::RuntimeEnv},
    physical_expr::PhysicalExpr,
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, metrics::MetricsSet,
        replace_children_if_necessary, stream::RecordBatchStreamAdapter,
    },
};
use engine::{
    client_error::SqlState,
    error::{CarriedError, Error, QueryError},
};
use futures::TryStreamExt;
use tonic::Status;

/// Returns an error as a text.
pub(crate) fn encoded(error: &Error) -> String {
    CarriedError::of(error).to_string()
}

/// Returns the error that a text is.
pub(crate) fn decoded(text: &str) -> Option<QueryError> {
    CarriedError::parse(text)
}

/// The head of a piece of a plan, which runs in the memory of its query. It passes for the node that it wraps, so that metrics are counted as if it
/// were not there.
#[derive(Debug)]
pub struct Reporting {
    inner: Arc<dyn ExecutionPlan>,
    /// The context of all partitions: making one copies the names of all functions.
    context: OnceLock<Arc<TaskContext>>,
}

impl Reporting {
    /// Returns a plan that reports its errors.
    pub fn head(inner: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { inner, context: OnceLock::new() })
    }

    /// Returns the context with the runtime that is among the extensions of its session, if there is one.
    fn in_memory_of_query(&self, context: Arc<TaskContext>) -> Arc<TaskContext> {
        let Some(runtime) = context.session_config().get_extension::<RuntimeEnv>() else {
            return context;
        };
        let context = self.context.get_or_init(|| {
            Arc::new(TaskContext::new(
                context.task_id(),
                context.session_id(),
                context.session_config().clone(),
                context.scalar_functions().clone(),
                context.higher_order_functions().clone(),
                context.aggregate_functions().clone(),
                context.window_functions().clone(),
                runtime,
            ))
        });
        Arc::clone(context)
    }
}

impl DisplayAs for Reporting {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(t, f)
    }
}

impl ExecutionPlan for Reporting {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inner.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Self::head(replace_children_if_necessary(Arc::clone(&self.inner), children)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows =
            self.inner.execute(partition, self.in_memory_of_query(context)).map_err(carried)?;
        let schema = rows.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.map_err(carried))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.inner.metrics()
    }
}

fn carried(error: DataFusionError) -> DataFusionError {
    DataFusionError::External(Box::new(CarriedError::of(&named(error))))
}

/// Returns an error of a plan as one of ours: 58000 for a node that was lost.
pub fn named(error: DataFusionError) -> Error {
    match lost_node(&error) {
        Some(status) => lost(status),
        None => error.into(),
    }
}

/// Returns the error of a node that was lost.
pub(crate) fn lost(status: &Status) -> Error {
    let message = "a compute node was lost while the statement ran";
    let mut lost = QueryError::new(SqlState::SYSTEM_ERROR, message)
        .with_hint("Run the statement again: the other nodes take over.");
    lost.detail = Some(status.message().to_owned()).filter(|detail| !detail.is_empty());
    lost.into()
}

/// Finds the transport's own error: what a node itself says arrives as another.
fn lost_node(error: &DataFusionError) -> Option<&Status> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(status) = error.downcast_ref::<Status>() {
            return Some(status);
        }
        next = error.source();
    }
    None
}
