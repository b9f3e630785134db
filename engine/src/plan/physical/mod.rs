//! Physical passes: from a plan for one process to a plan that knows its slices.
//!
//! They run after DataFusion's planner has returned, because DataFusion checks (and would undo) what
//! they do. Every pass takes a plan that could be executed and returns one that could be executed.

mod collocate;
pub mod locus;
mod yield_in_joins;

use std::sync::Arc;

use datafusion::{config::ConfigOptions, error::Result, physical_plan::ExecutionPlan};

/// One rewrite of a physical plan.
type Pass = fn(Arc<dyn ExecutionPlan>, &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>>;

/// The passes, in the order they run.
const PASSES: &[Pass] = &[
    collocate::aggregate_in_slices,
    // Last: it only wraps what the others have settled on.
    yield_in_joins::yield_in_joins,
];

/// Runs every pass.
pub(super) fn run(
    plan: Arc<dyn ExecutionPlan>,
    options: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    PASSES.iter().try_fold(plan, |plan, pass| pass(plan, options))
}
