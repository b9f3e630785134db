//! EXPLAIN: a physical plan in Redshift's words.
//!
//! ```text
//!  ExecutionPlan ─ tree ─▶ PlanNode ─ render ─▶ XN Hash Join DS_DIST_NONE  (cost=… rows=… width=…)
//!                            │   └─ verbose ─▶ {HASHJOIN :startup_cost …
//!                            └─ measured ─ analyze ─▶ … (actual time=… rows=… slices=…)
//! ```
//!
//! | file          | what is in it                                                        |
//! |---------------|----------------------------------------------------------------------|
//! | `node`        | [`PlanNode`]: a step as Redshift tells it                              |
//! | `tree`        | operators → nodes, and what is no node of its own                      |
//! | `scan`, `join`, `aggregate`, `order` | the nodes of these operators                    |
//! | `label`       | how the rows of a join get there (DS_*)                                 |
//! | `column`      | what is known of the columns that a node returns                       |
//! | `expression`  | expressions as PostgreSQL prints them                                  |
//! | `selectivity` | which part of the rows passes a condition                              |
//! | `cost`        | the cost model of Redshift's documentation                             |
//! | `render`, `verbose` | nodes → lines                                                    |
//! | `measured`, `analyze` | what nodes did when they ran                                   |
//! | `executed`, `steps` | the same for system tables: streams, segments, steps               |
//!
//! A plan is only told here. Two decisions use an estimate of this module, which knows what ANALYZE found of the columns
//! in conditions, where DataFusion does not ([`estimated_rows`]): whether a join merges its sides, and whether a cluster
//! sends its keys to a scan.

mod aggregate;
mod analyze;
mod column;
mod cost;
mod executed;
mod expression;
mod join;
mod label;
mod measured;
mod node;
mod order;
mod render;
mod scan;
mod selectivity;
mod steps;
mod tree;
mod verbose;

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

pub use cost::{Cost, Estimated};
pub use executed::ExecutedPlan;
pub use label::label_of;
pub use measured::{Measured, Sent, SliceWork};
pub use node::{Detail, Operator, PlanNode, Relation};
pub use render::Line;

/// Returns how many rows a plan is expected to have.
pub fn estimated_rows(plan: &Arc<dyn ExecutionPlan>) -> f64 {
    let builder = tree::Builder::of(plan);
    builder.build(plan, tree::Consumer::Ordered).node.estimated.rows
}

/// A plan as EXPLAIN tells it.
#[derive(Debug, Clone)]
pub struct ExplainedPlan {
    root: PlanNode,
    /// Whether compute nodes have a part in it.
    is_distributed: bool,
}

impl ExplainedPlan {
    /// Tells a plan, before or after it has run.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let builder = tree::Builder::of(plan);
        let root = builder.build(plan, tree::Consumer::Leader).node;
        Self { root, is_distributed: builder.is_distributed }
    }

    /// Returns the node that all rows come out of.
    pub fn root(&self) -> &PlanNode {
        &self.root
    }

    /// Returns the lines of nodes, with the numbers of these.
    pub fn node_lines(&self) -> Vec<Line> {
        render::lines(&self.root, self.is_distributed, &|_| (String::new(), Vec::new()))
    }

    /// Returns what EXPLAIN prints.
    pub fn lines(&self) -> Vec<String> {
        let nodes = self.node_lines().into_iter().map(|line| line.text);
        nodes.chain(render::warnings(&self.root)).collect()
    }

    /// Returns what EXPLAIN VERBOSE prints before the plan.
    pub fn dump(&self) -> Vec<String> {
        verbose::lines(&self.root)
    }

    /// Returns what EXPLAIN ANALYZE prints of a plan that has run.
    pub fn analyzed_lines(&self) -> Vec<String> {
        let mut root = self.root.clone();
        root.measure();
        let nodes = render::lines(&root, self.is_distributed, &analyze::notes);
        let moved = analyze::moved(&root);
        let lines = nodes.into_iter().map(|line| line.text).chain(moved);
        lines.chain(render::warnings(&root)).collect()
    }
}
