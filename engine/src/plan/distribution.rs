//! Where the pieces of a plan run: all in this process, or on compute nodes.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    error::Result,
    execution::{SessionStateBuilder, context::QueryPlanner},
    logical_expr::LogicalPlan,
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
    prelude::SessionConfig,
};

use crate::plan::physical::{self, Scope};

/// Makes plans of one process ones of a cluster.
#[async_trait]
pub trait Distribution: Send + Sync {
    /// Gives the template of all sessions what the distribution needs of them.
    fn configure(&self, builder: SessionStateBuilder) -> Result<SessionStateBuilder>;

    /// Gives one statement's session the nodes as they are now.
    fn begin(&self, config: &mut SessionConfig);

    /// Says in a finished plan where its pieces run; what it returns can be executed.
    async fn place(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>>;

    /// Returns whether a whole plan runs in this process.
    fn is_one_process(&self) -> bool {
        false
    }

    /// Returns a plan in the operators of one process, for EXPLAIN; of one that has run, with what they counted.
    fn told(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan)
    }
}

/// All slices in this process: plans stay as they are.
pub(super) struct OneProcess;

#[async_trait]
impl Distribution for OneProcess {
    fn configure(&self, builder: SessionStateBuilder) -> Result<SessionStateBuilder> {
        Ok(builder)
    }

    fn begin(&self, _config: &mut SessionConfig) {}

    async fn place(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan)
    }

    fn is_one_process(&self) -> bool {
        true
    }
}

/// What is put on top of a finished plan before it is distributed.
pub(super) struct PlanHead(pub(super) Box<PutOnTop>);

type PutOnTop = dyn Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> + Send + Sync;

/// Whether a statement's plan may rely on where slices have rows: an extension of its session.
pub(super) struct KnowsSlices(pub(super) bool);

/// DataFusion's planner, then our passes, then the distribution.
pub(super) struct SlicePlanner {
    pub(super) distribution: Arc<dyn Distribution>,
}

impl fmt::Debug for SlicePlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlicePlanner")
    }
}

#[async_trait]
impl QueryPlanner for SlicePlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await?;
        let scope = Scope {
            knows_slices: session
                .config()
                .get_extension::<KnowsSlices>()
                .is_none_or(|knows| knows.0),
            is_one_process: self.distribution.is_one_process(),
        };
        let plan = physical::run(plan, scope)?;
        let plan = match session.config().get_extension::<PlanHead>() {
            Some(head) => (head.0)(plan)?,
            None => plan,
        };
        self.distribution.place(plan, session).await
    }
}
