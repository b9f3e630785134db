//! Joins do not claim the order of their build side.
//!
//! DataFusion says of an inner join (and of a right one) that its rows are in the order of the probe side and, where
//! that has ties, in the order of the build side, and leaves out what would sort them:
//!
//! ```text
//!  probe side, by k: (1, a) (1, b)     build side, by k, y: (1, 7) (1, 8)
//!  joined: (1, a, 7) (1, a, 8) (1, b, 7) (1, b, 8): by k, not by k, y
//! ```
//!
//! So while it plans, the build side of every join is behind a [`MaskExec`] that hides its order. Where an exchange
//! lets go of the order anyhow the mask is taken away afterwards.

use std::sync::Arc;

use datafusion::{
    common::{
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan, ExecutionPlanProperties, coalesce_partitions::CoalescePartitionsExec,
        joins::HashJoinExec, repartition::RepartitionExec, replace_children_if_necessary,
    },
};

use super::Scope;
use crate::execution::{Hidden, MaskExec};

/// See the module.
#[derive(Debug)]
pub(super) struct HideBuildOrders;

impl PhysicalOptimizerRule for HideBuildOrders {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(join) = node.downcast_ref::<HashJoinExec>() else {
                return Ok(Transformed::no(node));
            };
            let build = MaskExec::of_build_side(Arc::clone(join.left()), *join.join_type());
            let children = vec![build, Arc::clone(join.right())];
            Ok(Transformed::yes(replace_children_if_necessary(Arc::clone(&node), children)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "hide_build_orders"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Takes away the masks below what keeps no order.
pub(super) fn unmask(
    plan: Arc<dyn ExecutionPlan>,
    _scope: Scope,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let [input] = node.children()[..] else { return Ok(Transformed::no(node)) };
        let Some(mask) = input.downcast_ref::<MaskExec>() else { return Ok(Transformed::no(node)) };
        let is_let_go = node.is::<CoalescePartitionsExec>()
            || node.downcast_ref::<RepartitionExec>().is_some_and(|exchange| {
                !exchange.preserve_order() && input.output_partitioning().partition_count() > 1
            });
        if !is_let_go || !matches!(mask.hidden(), Hidden::Order { .. }) {
            return Ok(Transformed::no(node));
        }
        let children = vec![Arc::clone(mask.input())];
        Ok(Transformed::yes(replace_children_if_necessary(Arc::clone(&node), children)?))
    })
    .data()
}
