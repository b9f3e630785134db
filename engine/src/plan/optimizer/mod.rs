//! Logical rules of ours, run after DataFusion's own.

mod push_semi_join;

use std::sync::Arc;

use datafusion::optimizer::OptimizerRule;

/// The rules, in the order they run.
pub(super) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        // Last: it looks at the joins that DataFusion has settled on.
        Arc::new(push_semi_join::PushSemiJoin),
    ]
}
