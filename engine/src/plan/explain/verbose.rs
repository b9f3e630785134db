//! EXPLAIN VERBOSE: the nodes as PostgreSQL dumps its structures.
//!
//! ```text
//!  {HASHJOIN
//!  :startup_cost 2.52
//!  …
//!  :lefttree
//!     {SEQSCAN
//! ```

use super::{
    node::{Operator, PlanNode},
    render::rows,
};

const STEP: &str = "   ";

/// Returns the dump of a node and all below it.
pub(super) fn lines(plan: &PlanNode) -> Vec<String> {
    let mut lines = Vec::new();
    write(plan, 0, &mut lines);
    lines
}

fn write(node: &PlanNode, depth: usize, lines: &mut Vec<String>) {
    let margin = STEP.repeat(depth);
    let mut line = |text: String| lines.push(format!("{margin}{text}"));
    line(format!("{{{}", tag(&node.operator)));
    line(format!(":startup_cost {:.2}", node.estimated.cost.startup));
    line(format!(":total_cost {:.2}", node.estimated.cost.total));
    line(format!(":plan_rows {:.0}", rows(node)));
    line(format!(":plan_width {:.0}", node.estimated.width));
    if let Some(label) = node.label {
        line(format!(":dist_info {}", label));
    }
    if let Operator::SeqScan(relation) = &node.operator {
        line(format!(":scanrelname {}", relation.name));
        line(format!(":scanrelid {}", relation.table.map_or(0, |table| table.0)));
    }
    for detail in node.lines_below() {
        let key = detail.name.to_lowercase().replace([' ', '-'], "_");
        line(match detail.text.as_str() {
            "" => format!(":{key} true"),
            text => format!(":{key} {text}"),
        });
    }
    let names = ["lefttree", "righttree"].into_iter().chain(std::iter::repeat("appendplan"));
    let inputs = node.init_plans.iter().map(|init| ("initplan", init));
    let inputs: Vec<_> = inputs.chain(names.zip(&node.inputs)).collect();
    for (name, input) in inputs {
        lines.push(format!("{margin}:{name}"));
        write(input, depth + 1, lines);
    }
    lines.push(format!("{margin}}}"));
}

/// Returns the name of a node's structure: `Hash Left Join` is a `HASHJOIN`.
fn tag(operator: &Operator) -> String {
    match operator {
        Operator::HashJoin(_) => "HASHJOIN".to_owned(),
        Operator::MergeJoin(_) => "MERGEJOIN".to_owned(),
        Operator::NestedLoop(_) => "NESTLOOP".to_owned(),
        Operator::Aggregate | Operator::HashAggregate | Operator::GroupAggregate => {
            "AGG".to_owned()
        }
        operator => operator.name().to_uppercase().replace(' ', ""),
    }
}
