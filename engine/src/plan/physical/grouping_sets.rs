//! Groups of GROUPING SETS claim nothing of the rows that they are made of, while DataFusion plans and on every node
//! ([`Hidden::Rows`]).

use std::sync::Arc;

use datafusion::{
    common::{
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan,
        aggregates::{AggregateExec, AggregateInputMode},
    },
};

use crate::execution::{Hidden, MaskExec};

/// Masks every aggregation that makes groups of several sets.
#[derive(Debug)]
pub(super) struct MaskGroupingSets;

impl PhysicalOptimizerRule for MaskGroupingSets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let makes_sets = node.downcast_ref::<AggregateExec>().is_some_and(|aggregate| {
                let of_rows = matches!(aggregate.mode().input_mode(), AggregateInputMode::Raw);
                of_rows && !aggregate.group_expr().is_single()
            });
            Ok(match makes_sets {
                true => Transformed::yes(Arc::new(MaskExec::new(node, Hidden::Rows)) as _),
                false => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "mask_grouping_sets"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
