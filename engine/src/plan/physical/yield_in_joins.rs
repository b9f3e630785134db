//! Joins give way: a join that makes many rows out of few would otherwise run on without ever
//! returning to the scheduler, and neither a cancel nor another session would be heard.

use std::sync::Arc;

use datafusion::{
    common::tree_node::{Transformed, TransformedResult, TreeNode},
    error::Result,
    physical_plan::{
        ExecutionPlan,
        coop::CooperativeExec,
        joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec},
    },
};

use super::Scope;

/// Wraps every join so that it counts its batches against the task's share.
pub(super) fn yield_in_joins(
    plan: Arc<dyn ExecutionPlan>,
    _scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if is_join(&node) {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as _));
        }
        Ok(Transformed::no(node))
    })
    .data()
}

fn is_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<HashJoinExec>().is_some()
        || plan.downcast_ref::<CrossJoinExec>().is_some()
        || plan.downcast_ref::<NestedLoopJoinExec>().is_some()
        || plan.downcast_ref::<SortMergeJoinExec>().is_some()
}
