//! Physical passes: from a plan for one process to a plan that knows its slices.
//!
//! They run after DataFusion's planner has returned, because DataFusion checks (and would undo) what
//! they do. Every pass takes a plan that could be executed and returns one that could be executed.

mod build_orders;
mod grouping_sets;
pub mod locus;
mod semi_join_names;
mod yield_in_joins;

use std::sync::Arc;

use datafusion::{error::Result, physical_plan::ExecutionPlan};

pub(super) use build_orders::physical_rules;

use crate::execution::as_it_runs;

/// What the passes may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// Whether plans use what is known of slices: not with `SET enable_dist_planner = off`. They are right
    /// without it, and move more rows.
    pub(super) knows_slices: bool,
    /// Whether the whole plan runs in this process.
    pub(super) is_one_process: bool,
}

/// One rewrite of a physical plan.
type Pass = fn(Arc<dyn ExecutionPlan>, Scope) -> Result<Arc<dyn ExecutionPlan>>;

/// The passes, in the order they run.
const PASSES: &[Pass] = &[
    build_orders::unmask,
    locus::keep_in_place,
    // It looks at the joins that the first has settled on.
    locus::filter_slices,
    // It only wraps what the others have settled on.
    yield_in_joins::yield_in_joins,
    // Last: it sees what will run.
    locus::verify,
    // It changes how operators run, and is seen by none of the others. Nodes do it themselves.
    |plan, scope| if scope.is_one_process { as_it_runs(plan) } else { Ok(plan) },
];

/// Runs every pass.
pub(super) fn run(plan: Arc<dyn ExecutionPlan>, scope: Scope) -> Result<Arc<dyn ExecutionPlan>> {
    PASSES.iter().try_fold(plan, |plan, pass| pass(plan, scope))
}
