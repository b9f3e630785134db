//! Rows come in the order that an operator needs, also where it is not known any more that they do.
//!
//! DataFusion leaves a column out of a sort if statistics say that a filter leaves one value of it. Statistics do not travel: on
//! another node, or above an exchange, the same plan claims less than what it was made with, and a window that
//! relies on it is refused when it runs.

use std::sync::Arc;

use datafusion::{
    common::tree_node::{Transformed, TreeNode},
    error::Result,
    physical_expr::{LexOrdering, LexRequirement, OrderingRequirements, PhysicalSortExpr},
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary,
        sorts::sort::SortExec, windows::BoundedWindowAggExec,
    },
};

/// Returns a plan that sorts the rows of an operator which does not work without an order that they do not claim.
pub fn sorted_as_required(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(plan.transform_up(node)?.data)
}

fn node(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let mut changed = false;
    let mut inputs = Vec::new();
    for (input, required) in node.children().into_iter().zip(node.required_input_ordering()) {
        let required = required.map(|required| alternatives(&node, required)).unwrap_or_default();
        let order = missing(input, required)?;
        changed |= order.is_some();
        inputs.push(match order {
            Some(order) => {
                Arc::new(SortExec::new(order, Arc::clone(input)).with_preserve_partitioning(true))
            }
            None => Arc::clone(input),
        });
    }
    match changed {
        true => Ok(Transformed::yes(replace_children_if_necessary(node, inputs)?)),
        false => Ok(Transformed::no(node)),
    }
}

/// Returns the orders of which an operator cannot do without one.
fn alternatives(
    node: &Arc<dyn ExecutionPlan>,
    required: OrderingRequirements,
) -> Vec<LexRequirement> {
    let OrderingRequirements::Hard(mut alternatives) = required else { return Vec::new() };
    // A window says that its ORDER BY alone would do too, and is refused when it runs if its partitions are not known to
    // be in order: its first is what it needs.
    if node.is::<BoundedWindowAggExec>() {
        alternatives.truncate(1);
    }
    alternatives
}

/// Returns the order to sort by, if an input has none of those that would do.
fn missing(
    input: &Arc<dyn ExecutionPlan>,
    alternatives: Vec<LexRequirement>,
) -> Result<Option<LexOrdering>> {
    let claims = input.equivalence_properties();
    for alternative in &alternatives {
        if claims.ordering_satisfy_requirement(alternative.clone())? {
            return Ok(None);
        }
    }
    let first = alternatives.into_iter().next();
    Ok(first.and_then(|first| LexOrdering::new(first.into_iter().map(PhysicalSortExpr::from))))
}
