//! What puts rows in order, and what needs them so: Sort, Merge, Limit, Window.
//!
//! The leader merges what the slices have sorted, which EXPLAIN shows as three nodes:
//!
//! ```text
//!  XN Merge ─▶ XN Network, Send to leader ─▶ XN Sort
//! ```

use std::sync::Arc;

use datafusion::{
    physical_expr::{
        LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr, window::WindowExpr,
    },
    physical_plan::{
        ExecutionPlan,
        repartition::RepartitionExec,
        sorts::{sort::SortExec, sort_preserving_merge::SortPreservingMergeExec},
    },
};

use super::{
    column::{self, OutputColumn},
    cost::{self, Estimated},
    expression,
    node::{Operator, PlanNode},
    tree::{Builder, Built, Consumer},
};

/// Returns the node of a sort: the leader merges it, unless it is for a node above.
pub(super) fn sort(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    sort: &SortExec,
    consumer: Consumer,
) -> Built {
    let input = networked(builder, sort.input());
    let sorted = sorted(plan, sort.expr(), input);
    let merged = if consumer == Consumer::Leader && builder.is_distributed {
        merged(sorted, sort.expr())
    } else {
        sorted
    };
    limited(merged, sort.fetch(), Some(plan))
}

/// Returns the node of a merge of what slices have in order.
pub(super) fn merge(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    merge: &SortPreservingMergeExec,
    consumer: Consumer,
) -> Built {
    let order = merge.expr();
    if consumer == Consumer::Ordered {
        // For a window over all rows, which one slice computes.
        return limited(builder.build(merge.input(), consumer), merge.fetch(), None);
    }
    let mut input = builder.build(merge.input(), Consumer::Ordered);
    if let (Operator::Limit, Some(_)) = (&input.node.operator, merge.fetch()) {
        // Each slice keeps what can be among the first of all: that is no node of its own.
        if let Some(mut below) = input.node.inputs.pop() {
            below.handed_on_by.append(&mut input.node.handed_on_by);
            input.node = below;
        }
    }
    let mut merged = merged(input, order);
    merged.node.operators.push(Arc::clone(plan));
    limited(merged, merge.fetch(), Some(plan))
}

/// Returns the first rows of a node.
pub(super) fn limited(
    input: Built,
    fetch: Option<usize>,
    plan: Option<&Arc<dyn ExecutionPlan>>,
) -> Built {
    let Some(fetch) = fetch else { return input };
    // Two limits on one node are one: those of DataFusion's stages.
    if input.node.operator == Operator::Limit {
        return input;
    }
    let Built { node, columns } = input;
    let rows = (fetch as f64).min(node.estimated.rows);
    let estimated = Estimated { cost: cost::limit(node.estimated, rows), rows, ..node.estimated };
    let mut limit = PlanNode::new(Operator::Limit, estimated, vec![node]);
    limit.operators.extend(plan.map(Arc::clone));
    Built { node: limit, columns }
}

/// Returns the node of window functions.
pub(super) fn window(
    builder: &Builder,
    plan: &Arc<dyn ExecutionPlan>,
    input: &Arc<dyn ExecutionPlan>,
    functions: &[Arc<dyn WindowExpr>],
) -> Built {
    let Built { node, mut columns } = networked(builder, input);
    let (mut partition, mut order) = (String::new(), String::new());
    if let Some(function) = functions.first() {
        partition = listed(function.partition_by().iter(), &columns);
        order = keys(function.order_by(), &columns);
    }
    let schema = plan.schema();
    let computed = schema.fields().iter().skip(columns.len());
    let named = functions.iter().zip(computed).map(|(function, field)| {
        let arguments = function.expressions();
        let text = format!("{} OVER (...)", called(function.name(), &arguments, &columns));
        OutputColumn::computed(field, text)
    });
    let named: Vec<_> = named.collect();
    columns.extend(named);
    let estimated = Estimated {
        cost: cost::window(node.estimated, functions.len()),
        rows: node.estimated.rows,
        width: column::width(&columns),
    };
    let mut window = PlanNode::new(Operator::Window, estimated, vec![node]).of(plan);
    for (name, text) in [("Partition", partition), ("Order", order)] {
        if !text.is_empty() {
            window = window.with_detail(name, text);
        }
    }
    Built { node: window, columns }
}

/// Returns a plan below a window: rows that go to the slice of their partition show how.
fn networked(builder: &Builder, plan: &Arc<dyn ExecutionPlan>) -> Built {
    let built = builder.build(plan, Consumer::Ordered);
    let Some(exchange) = plan.downcast_ref::<RepartitionExec>() else { return built };
    if !matches!(exchange.partitioning(), Partitioning::Hash(..)) {
        return built;
    }
    let Built { node, columns } = built;
    let estimated = node.estimated;
    let network = PlanNode::new(Operator::Network, estimated, vec![node]);
    Built { node: network.with_detail("Distribute", "").of(plan), columns }
}

fn sorted(plan: &Arc<dyn ExecutionPlan>, order: &LexOrdering, input: Built) -> Built {
    let Built { node, columns } = input;
    let key = keys(order, &columns);
    let estimated = Estimated { cost: cost::sort(node.estimated), ..node.estimated };
    let sort = PlanNode::new(Operator::Sort, estimated, vec![node]);
    Built { node: sort.with_detail("Sort Key", key).of(plan), columns }
}

fn merged(input: Built, order: &LexOrdering) -> Built {
    let Built { node, columns } = input;
    let (key, estimated) = (keys(order, &columns), node.estimated);
    let merge = PlanNode::new(Operator::Merge, estimated, vec![sent_to_leader(node)]);
    Built { node: merge.with_detail("Merge Key", key), columns }
}

/// Returns the node that sends the rows of another to the leader.
pub(super) fn sent_to_leader(node: PlanNode) -> PlanNode {
    let network = PlanNode::new(Operator::Network, node.estimated, vec![node]);
    network.with_detail("Send to leader", "")
}

/// Redshift's plans do not say which way a key is sorted.
fn keys<'a>(
    order: impl IntoIterator<Item = &'a PhysicalSortExpr>,
    columns: &[OutputColumn],
) -> String {
    listed(order.into_iter().map(|key| &key.expr), columns)
}

fn listed<'a>(
    expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    columns: &[OutputColumn],
) -> String {
    expressions.map(|expr| expression::text(expr, columns)).collect::<Vec<_>>().join(", ")
}

/// Returns the call of a window function, whose name may be that of its whole text.
fn called(name: &str, arguments: &[Arc<dyn PhysicalExpr>], columns: &[OutputColumn]) -> String {
    let name = name.split(['(', ' ']).next().unwrap_or(name);
    format!("{name}({})", listed(arguments.iter(), columns))
}
