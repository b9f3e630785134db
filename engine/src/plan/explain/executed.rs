//! A plan that has run, as the event log keeps it: without its operators, and what these hold.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

use super::{ExplainedPlan, steps};
use crate::system;

/// A plan that has run. What tables show of it is made when they are read.
#[derive(Debug)]
pub struct ExecutedPlan(ExplainedPlan);

impl ExecutedPlan {
    /// Returns what is kept of a plan that has run; `None` of one that only the leader had a part in, which
    /// Redshift's tables do not show.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if !super::label::reads_a_table(plan) {
            return None;
        }
        let mut plan = ExplainedPlan::of(plan);
        plan.root.let_go();
        Some(Self(plan))
    }
}

impl system::ExecutedPlan for ExecutedPlan {
    fn nodes(&self) -> Vec<system::ExecutedNode> {
        let mut nodes: Vec<system::ExecutedNode> = Vec::new();
        for line in self.0.node_lines() {
            match nodes.last_mut() {
                Some(node) if !line.is_title => {
                    let separator = if node.info.is_empty() { "" } else { ", " };
                    node.info.push_str(separator);
                    node.info.push_str(line.text.trim_start());
                }
                _ => nodes.push(system::ExecutedNode {
                    node: line.node,
                    parent: line.parent,
                    text: line.text,
                    info: String::new(),
                }),
            }
        }
        nodes
    }

    fn steps(&self) -> Vec<system::ExecutedStep> {
        steps::of(&self.0.root)
    }
}
