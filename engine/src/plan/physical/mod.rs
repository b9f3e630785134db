//! Physical passes: from a plan for one process to a plan that knows its slices.
//!
//! They run after DataFusion's planner has returned, because DataFusion checks (and would undo) what
//! they do. Every pass takes a plan that could be executed and returns one that could be executed.
//!
//! What DataFusion's planner would conclude wrongly is kept from it by rules among its own ([`physical_rules`]).

mod build_orders;
mod grouping_sets;
pub mod locus;
mod semi_join_names;
mod yield_in_joins;

use std::sync::Arc;

use datafusion::{
    error::Result,
    physical_optimizer::{PhysicalOptimizerRule, optimizer::PhysicalOptimizer},
    physical_plan::ExecutionPlan,
};

use crate::execution::as_it_runs;

/// The rule of DataFusion's that settles which side of a join is the build side.
const SIDES_ARE_SETTLED_BY: &str = "join_selection";

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

/// Returns DataFusion's rules, and ours among them.
pub(super) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let settled = rules.iter().position(|rule| rule.name() == SIDES_ARE_SETTLED_BY);
    let settled = settled.map_or(0, |place| place + 1);
    rules.insert(settled, Arc::new(build_orders::HideBuildOrders));
    rules.insert(settled, Arc::new(semi_join_names::SemiJoinNames));
    // First: it hides from all others what is not so.
    rules.insert(0, Arc::new(grouping_sets::MaskGroupingSets));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_sides_are_masked_when_it_is_settled_which_they_are() {
        let rules = physical_rules();
        let names = rules.iter().map(|rule| rule.name()).collect::<Vec<_>>();
        let settled = names.iter().position(|name| *name == SIDES_ARE_SETTLED_BY).unwrap();
        let ours = ["semi_join_names", "hide_build_orders"];
        assert_eq!(names[settled + 1..settled + 3], ours, "{names:?}");
    }
}
