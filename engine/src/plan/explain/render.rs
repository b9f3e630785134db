//! Nodes → the lines of EXPLAIN, indented as PostgreSQL 8 does it.

use std::fmt::Write;

use super::node::{Operator, PlanNode};

/// Spaces of one step to the right.
const STEP: &str = "  ";
/// How many steps an arrow takes.
const ARROW_STEPS: usize = 3;

/// The prefix of what compute nodes do.
const DISTRIBUTED: &str = "XN ";

/// A line of EXPLAIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number of the node, from 1, in the order of the lines; the same for all its lines.
    pub node: usize,
    /// The number of the node above; 0 for the first.
    pub parent: usize,
    /// Whether the line is a node's title, not one of its details.
    pub is_title: bool,
    /// The line.
    pub text: String,
}

/// Writes lines.
pub(super) struct Renderer<'a> {
    lines: Vec<Line>,
    nodes: usize,
    prefix: &'static str,
    /// Returns what is added to a title and below it.
    notes: &'a dyn Fn(&PlanNode) -> (String, Vec<String>),
}

/// Returns the lines of a plan; `notes` says what to add to a node's title, and lines below its own.
pub(super) fn lines(
    plan: &PlanNode,
    is_distributed: bool,
    notes: &dyn Fn(&PlanNode) -> (String, Vec<String>),
) -> Vec<Line> {
    let prefix = if is_distributed { DISTRIBUTED } else { "" };
    let mut renderer = Renderer { lines: Vec::new(), nodes: 0, prefix, notes };
    renderer.node(plan, 0, 0, String::new());
    renderer.lines
}

/// Returns the warnings that Redshift prints below a plan.
pub(super) fn warnings(plan: &PlanNode) -> Vec<String> {
    let (mut unknown, mut loops) = (Vec::new(), false);
    plan.visit(&mut |node| match &node.operator {
        Operator::SeqScan(relation)
            if relation.lacks_statistics && !unknown.contains(&relation.name) =>
        {
            unknown.push(relation.name.clone());
        }
        Operator::NestedLoop(_) => loops = true,
        _ => {}
    });
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        warnings.push(format!("----- Tables missing statistics: {} -----", unknown.join(", ")));
        warnings.push(
            "----- Update statistics by running the ANALYZE command on these tables -----"
                .to_owned(),
        );
    }
    if loops {
        warnings.push(
            "----- Nested Loop Join in the query plan - review the join predicates to avoid Cartesian products -----"
                .to_owned(),
        );
    }
    warnings
}

impl Renderer<'_> {
    /// `indent` counts steps; `arrow` is what stands before the title.
    fn node(&mut self, node: &PlanNode, parent: usize, indent: usize, arrow: String) {
        self.nodes += 1;
        let number = self.nodes;
        let (suffix, below) = (self.notes)(node);
        let mut text = format!("{arrow}{}{}  {}", self.prefix, node.title(), estimated(node));
        text.push_str(&suffix);
        self.lines.push(Line { node: number, parent, is_title: true, text });
        let margin = STEP.repeat(indent + 1);
        let details = node.lines_below();
        let details = details.iter().map(super::node::Detail::line).chain(below);
        self.lines.extend(details.map(|detail| {
            let text = format!("{margin}{detail}");
            Line { node: number, parent, is_title: false, text }
        }));
        if !node.init_plans.is_empty() {
            let text = format!("{margin}InitPlan");
            self.lines.push(Line { node: number, parent, is_title: false, text });
        }
        for init in &node.init_plans {
            let arrow = format!("{margin}{STEP}->  ");
            self.node(init, number, indent + ARROW_STEPS + 1, arrow);
        }
        for input in &node.inputs {
            self.node(input, number, indent + ARROW_STEPS, format!("{margin}->  "));
        }
    }
}

/// Returns `(cost=0.00..1724.56 rows=172456 width=14)`.
pub(super) fn estimated(node: &PlanNode) -> String {
    let (cost, rows, width) = (node.estimated.cost, rows(node), node.estimated.width);
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "(cost={:.2}..{:.2} rows={rows:.0} width={width:.0})",
        cost.startup, cost.total
    );
    text
}

/// Returns how many rows a node is said to return: at least one, as PostgreSQL has it.
pub(super) fn rows(node: &PlanNode) -> f64 {
    node.estimated.rows.round().max(1.0)
}
