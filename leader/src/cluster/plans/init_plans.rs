//! Scalar subqueries that run before their query: plans of their own, whose values the query's pieces take along.

use std::sync::Arc;

use compute::worker::below_sender;
use datafusion::{
    common::{
        internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    logical_expr::physical_planning_context::ScalarSubqueryResults,
    physical_plan::{
        ExecutionPlan, replace_children_if_necessary,
        scalar_subquery::{ScalarSubqueryExec, ScalarSubqueryLink},
    },
};
use datafusion_distributed::NetworkBoundaryExt;
use engine::execution;

/// The scalar subqueries of a query, and where it looks their values up.
pub(super) struct InitPlans {
    subqueries: Vec<ScalarSubqueryLink>,
    results: ScalarSubqueryResults,
}

impl InitPlans {
    /// Returns a query without its scalar subqueries, and these: wherever they stand, they run first.
    pub(super) fn taken_out(
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<(Arc<dyn ExecutionPlan>, Option<Self>)> {
        let mut found = Vec::new();
        let query = without(plan, &mut found)?;
        match (found.pop(), found.is_empty()) {
            (init_plans, true) => Ok((query, init_plans)),
            _ => internal_err!("the scalar subqueries of a query are in several places"),
        }
    }

    /// Returns the plans of the subqueries.
    pub(super) fn plans(&self) -> impl Iterator<Item = &Arc<dyn ExecutionPlan>> {
        self.subqueries.iter().map(|subquery| &subquery.plan)
    }

    /// Returns the plan that runs the subqueries, as these plans, and then the query.
    pub(super) fn before(
        self,
        query: Arc<dyn ExecutionPlan>,
        plans: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Arc<dyn ExecutionPlan> {
        let subqueries = self.subqueries.into_iter().zip(plans);
        let subqueries = subqueries.map(|(subquery, plan)| ScalarSubqueryLink { plan, ..subquery });
        Arc::new(ScalarSubqueryExec::new(query, subqueries.collect(), self.results))
    }

    /// Gives the values to every piece of a query that is sent to nodes.
    pub(super) fn in_pieces(&self, cut: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        cut.transform_up(|node| {
            let pieces = node.children();
            let Some(piece) = pieces.first().filter(|_| node.is_network_boundary()) else {
                return Ok(Transformed::no(node));
            };
            let piece = below_sender(Arc::clone(piece), |rows| {
                execution::with_init_plan_values(rows, &self.subqueries, &self.results)
            })?;
            Ok(Transformed::yes(replace_children_if_necessary(Arc::clone(&node), vec![piece])?))
        })
        .data()
    }
}

fn without(
    node: Arc<dyn ExecutionPlan>,
    found: &mut Vec<InitPlans>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(first) = node.downcast_ref::<ScalarSubqueryExec>() {
        let (subqueries, results) = (first.subqueries().to_vec(), first.results().clone());
        found.push(InitPlans { subqueries, results });
        return without(Arc::clone(first.input()), found);
    }
    let children = node.children().into_iter().map(|child| without(Arc::clone(child), found));
    let children = children.collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(node, children)
}
