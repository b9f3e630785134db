//! Logical rules of ours, run after DataFusion's own.

pub(super) mod cardinality;
mod count_rows;
mod join_order;
mod push_semi_join;
mod reduce_aggregates;
mod spread;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::optimizer::OptimizerRule;

/// The rules, in the order they run.
pub(super) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(count_rows::CountRows),
        // They look at the joins that DataFusion has settled on.
        Arc::new(push_semi_join::PushSemiJoin),
        Arc::new(reduce_aggregates::ReduceAggregates),
        Arc::new(join_order::JoinOrder),
    ]
}
