//! Scalar subqueries that run before their query: plans of their own, whose values the query's pieces take along.

use std::sync::Arc;

use datafusion::{
    common::{
        internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_plan::{
        ExecutionPlan,
        repartition::RepartitionExec,
        replace_children_if_necessary,
        scalar_subquery::{ScalarSubqueryExec, ScalarSubqueryLink},
    },
};
use datafusion_distributed::{BroadcastExec, NetworkBoundaryExt};
use engine::execution;

/// The scalar subqueries of a query.
pub(super) struct InitPlans(ScalarSubqueryExec);

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
        self.0.subqueries().iter().map(|subquery| &subquery.plan)
    }

    /// Returns the plan that runs the subqueries, as these plans, and then the query.
    pub(super) fn before(
        &self,
        query: Arc<dyn ExecutionPlan>,
        plans: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Arc<dyn ExecutionPlan> {
        let subqueries = self.0.subqueries().iter().zip(plans);
        let subqueries =
            subqueries.map(|(subquery, plan)| ScalarSubqueryLink { plan, index: subquery.index });
        let results = self.0.results().clone();
        Arc::new(ScalarSubqueryExec::new(query, subqueries.collect(), results))
    }

    /// Gives the values to every piece of a query that is sent to nodes.
    pub(super) fn in_pieces(&self, cut: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        cut.transform_up(|node| {
            let pieces = node.children();
            let Some(piece) = pieces.first().filter(|_| node.is_network_boundary()) else {
                return Ok(Transformed::no(node));
            };
            let piece = self.in_piece(piece)?;
            Ok(Transformed::yes(replace_children_if_necessary(Arc::clone(&node), vec![piece])?))
        })
        .data()
    }

    fn in_piece(&self, piece: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let with_values = |rows: &Arc<dyn ExecutionPlan>| {
            execution::with_init_plan_values(Arc::clone(rows), &self.0)
        };
        // What sends rows to several consumers stays on top, where the engine looks for it.
        let sends = piece.is::<RepartitionExec>() || piece.is::<BroadcastExec>();
        match piece.children().as_slice() {
            [rows] if sends => {
                replace_children_if_necessary(Arc::clone(piece), vec![with_values(rows)])
            }
            _ => Ok(with_values(piece)),
        }
    }
}

fn without(
    node: Arc<dyn ExecutionPlan>,
    found: &mut Vec<InitPlans>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(subqueries) = node.downcast_ref::<ScalarSubqueryExec>() {
        let query = Arc::clone(subqueries.input());
        let (links, results) = (subqueries.subqueries().to_vec(), subqueries.results().clone());
        found.push(InitPlans(ScalarSubqueryExec::new(Arc::clone(&query), links, results)));
        return without(query, found);
    }
    let children = node.children().into_iter().map(|child| without(Arc::clone(child), found));
    let children = children.collect::<Result<Vec<_>>>()?;
    replace_children_if_necessary(node, children)
}
