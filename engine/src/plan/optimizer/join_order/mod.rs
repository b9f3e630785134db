//! Inner joins in the order that costs least.
//!
//! ```text
//!        Inner                               Inner
//!         ├─ Inner                            ├─ Inner          (built: few rows)
//!         │   ├─ lineitem        ──▶          │   ├─ customer, one segment
//!         │   └─ orders                       │   └─ orders
//!         └─ customer, one segment            └─ lineitem       (looked up)
//! ```
//!
//! SQL's order is the reader's, not the machine's. The joins are taken apart ([`group`]), the cheapest
//! tree is searched for by estimated rows ([`search`]), and put together again ([`rebuild`]). Columns
//! that are equal to the same column are equal to one another, so a join may use a condition that was
//! not written.

mod group;
mod rebuild;
mod search;

use std::sync::Arc;

use datafusion::{
    common::{
        Result,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::LogicalPlan,
    optimizer::{OptimizerConfig, OptimizerRule},
};
pub(super) use group::JoinGroup;

/// See the module.
#[derive(Debug)]
pub(super) struct JoinOrder;

impl OptimizerRule for JoinOrder {
    fn name(&self) -> &str {
        "join_order"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        reordered(plan)
    }
}

fn reordered(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let Some((mut group, tree)) = JoinGroup::of(&plan)? else {
        return plan.map_children(reordered);
    };
    let mut changed = false;
    for relation in &mut group.relations {
        let below = reordered(LogicalPlan::clone(relation))?;
        changed |= below.transformed;
        *relation = Arc::new(below.data);
    }
    let cheapest = group.graph().cheapest().unwrap_or_else(|| tree.clone());
    if cheapest == tree && !changed {
        return Ok(Transformed::no(plan));
    }
    Ok(Transformed::yes(group.rebuild(&cheapest, plan.schema())?))
}
