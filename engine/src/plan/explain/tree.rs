//! A physical plan → the nodes that Redshift would print.
//!
//! One node often stands for several operators: an aggregation in two stages is one, a projection is part
//! of what it projects, a filter is a line of the node it is on, and an exchange is a label of the
//! join above it.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::{
    datasource::source::DataSourceExec,
    physical_expr::PhysicalExpr,
    physical_plan::{
        ExecutionPlan,
        aggregates::AggregateExec,
        coalesce_partitions::CoalescePartitionsExec,
        empty::EmptyExec,
        filter::FilterExec,
        joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec},
        limit::{GlobalLimitExec, LocalLimitExec},
        placeholder_row::PlaceholderRowExec,
        projection::ProjectionExec,
        recursive_query::RecursiveQueryExec,
        scalar_subquery::ScalarSubqueryExec,
        sorts::{sort::SortExec, sort_preserving_merge::SortPreservingMergeExec},
        union::{InterleaveExec, UnionExec},
        windows::{BoundedWindowAggExec, WindowAggExec},
        work_table::WorkTableExec,
    },
};

use super::{
    aggregate, column,
    column::OutputColumn,
    cost::{self, Estimated},
    expression, join, label,
    node::{Operator, PlanNode},
    order, scan, selectivity,
};

/// Rows of what keeps no statistics.
pub(super) const UNKNOWN_ROWS: f64 = 1_000.0;

/// A node, and what is known of the columns it returns.
pub(super) struct Built {
    pub(super) node: PlanNode,
    pub(super) columns: Vec<OutputColumn>,
}

/// What the whole plan says about how a part of it is shown.
pub(super) struct Builder {
    /// Whether columns are called by their tables too: more than one is read.
    pub(super) names_tables: bool,
    /// Whether the plan reads tables of slices.
    pub(super) is_distributed: bool,
}

/// What gets the rows of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumer {
    /// The client, through the leader, which merges what is in order.
    Leader,
    /// A node that wants its rows in order, slice by slice.
    Ordered,
    /// An aggregation.
    Aggregation,
}

impl Builder {
    /// Returns what a whole plan needs to be shown.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        Self { names_tables: leaf_count(plan) > 1, is_distributed: label::reads_a_table(plan) }
    }

    /// Returns the nodes of a plan.
    pub(super) fn build(&self, plan: &Arc<dyn ExecutionPlan>, consumer: Consumer) -> Built {
        if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
            return scan::build(self, plan, scan);
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            return self.filter(filter, consumer);
        }
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            return self.projection(projection, consumer);
        }
        if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
            return aggregate::build(self, plan, aggregate, consumer);
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            return join::hash(self, plan, join);
        }
        if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
            return join::merge(self, plan, join);
        }
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            return join::nested_loop(self, plan, join);
        }
        if let Some(join) = plan.downcast_ref::<CrossJoinExec>() {
            return join::cross(self, plan, join);
        }
        if let Some(sort) = plan.downcast_ref::<SortExec>() {
            return order::sort(self, plan, sort, consumer);
        }
        if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
            return order::merge(self, plan, merge, consumer);
        }
        if let Some(window) = plan.downcast_ref::<WindowAggExec>() {
            return order::window(self, plan, window.input(), window.window_expr());
        }
        if let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() {
            return order::window(self, plan, window.input(), window.window_expr());
        }
        if let Some(limit) = plan.downcast_ref::<GlobalLimitExec>() {
            let input = self.build(limit.input(), consumer);
            return order::limited(input, limit.fetch(), Some(plan));
        }
        if let Some(limit) = plan.downcast_ref::<LocalLimitExec>() {
            // The limit of all slices is above it.
            return self.build(limit.input(), consumer);
        }
        if let Some(collected) = plan.downcast_ref::<CoalescePartitionsExec>() {
            let input = self.build(collected.input(), consumer);
            return order::limited(input, collected.fetch(), Some(plan));
        }
        self.build_rare(plan, consumer)
    }

    /// As [`Self::build`], for what few plans have.
    fn build_rare(&self, plan: &Arc<dyn ExecutionPlan>, consumer: Consumer) -> Built {
        if let Some(union) = plan.downcast_ref::<UnionExec>() {
            return self.append(plan, union.inputs());
        }
        if let Some(union) = plan.downcast_ref::<InterleaveExec>() {
            return self.append(plan, union.inputs());
        }
        if let Some(subqueries) = plan.downcast_ref::<ScalarSubqueryExec>() {
            let mut built = self.build(subqueries.input(), consumer);
            let init = subqueries.subqueries().iter();
            let init = init.map(|subquery| self.build(&subquery.plan, Consumer::Ordered).node);
            built.node.init_plans.extend(init);
            return built;
        }
        if let Some(recursive) = plan.downcast_ref::<RecursiveQueryExec>() {
            let first = self.build(recursive.static_term(), Consumer::Ordered);
            let next = self.build(recursive.recursive_term(), Consumer::Ordered);
            let inputs = vec![first.node, next.node];
            let node = PlanNode::new(Operator::RecursiveUnion, appended(&inputs), inputs);
            return Built { node: node.of(plan), columns: computed(&plan.schema()) };
        }
        if let Some(work_table) = plan.downcast_ref::<WorkTableExec>() {
            let name = work_table.name().to_owned();
            return leaf(plan, Operator::WorkTableScan(name), UNKNOWN_ROWS);
        }
        if plan.is::<EmptyExec>() {
            let mut built = leaf(plan, Operator::Result, 0.0);
            built.node = built.node.with_detail("One-Time Filter", "false");
            return built;
        }
        if plan.is::<PlaceholderRowExec>() {
            return leaf(plan, Operator::Result, 1.0);
        }
        match plan.children().as_slice() {
            // What hands its rows on as they are has no node: exchanges, and what only keeps time.
            [input] if input.schema().fields().len() == plan.schema().fields().len() => {
                let mut built = self.build(input, consumer);
                built.node.handed_on_by.push(Arc::clone(plan));
                built
            }
            inputs => self.other(plan, inputs),
        }
    }

    /// Conditions are lines of the node that they are on.
    fn filter(&self, filter: &FilterExec, consumer: Consumer) -> Built {
        let Built { mut node, mut columns } = self.build(filter.input(), consumer);
        let predicate = filter.predicate();
        let conjuncts = expression::conjuncts(predicate).into_iter();
        let conjuncts = conjuncts.filter(|conjunct| !expression::is_dynamic(conjunct));
        let mentioned = match node.operator {
            // A scan has one table: its conditions need not say which.
            Operator::SeqScan(_) => column::unqualified(&columns),
            _ => columns.clone(),
        };
        node.conditions.extend(conjuncts.map(|conjunct| expression::text(conjunct, &mentioned)));
        let part = selectivity::narrow(predicate, &mut columns);
        node.estimated.cost = cost::filter(node.estimated, expression::operator_count(predicate));
        node.estimated.rows *= part;
        let columns = column::chosen(columns, filter.projection().as_deref());
        node.estimated.width = column::width(&columns);
        Built { node, columns }
    }

    fn projection(&self, projection: &ProjectionExec, consumer: Consumer) -> Built {
        let Built { mut node, columns } = self.build(projection.input(), consumer);
        let expressions = projection.expr().iter().map(|item| &item.expr);
        let columns = projected(expressions, &columns, &projection.schema());
        node.estimated.width = column::width(&columns);
        Built { node, columns }
    }

    fn append(&self, plan: &Arc<dyn ExecutionPlan>, inputs: &[Arc<dyn ExecutionPlan>]) -> Built {
        let inputs = inputs.iter().zip(1..).map(|(input, number)| {
            let input = self.build(input, Consumer::Ordered).node;
            let name = format!("*SELECT* {number}");
            let cost = cost::subquery_scan(input.estimated);
            let estimated = Estimated { cost, ..input.estimated };
            PlanNode::new(Operator::SubqueryScan(name), estimated, vec![input])
        });
        let inputs: Vec<PlanNode> = inputs.collect();
        let node = PlanNode::new(Operator::Append, appended(&inputs), inputs);
        Built { node: node.of(plan), columns: computed(&plan.schema()) }
    }

    fn other(&self, plan: &Arc<dyn ExecutionPlan>, inputs: &[&Arc<dyn ExecutionPlan>]) -> Built {
        let name = plan.name().trim_end_matches("Exec").to_owned();
        let inputs = inputs.iter().map(|input| self.build(input, Consumer::Ordered).node);
        let inputs: Vec<PlanNode> = inputs.collect();
        if inputs.is_empty() {
            return leaf(plan, Operator::Other(name), UNKNOWN_ROWS);
        }
        let node = PlanNode::new(Operator::Other(name), appended(&inputs), inputs);
        Built { node: node.of(plan), columns: computed(&plan.schema()) }
    }
}

/// Returns the columns that expressions over others are.
pub(super) fn projected<'a>(
    expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    columns: &[OutputColumn],
    schema: &Schema,
) -> Vec<OutputColumn> {
    let expressions = expressions.zip(schema.fields());
    let projected = expressions.map(|(expr, field)| match column::column_of(expr, columns) {
        Some(column) => column.clone(),
        None => OutputColumn::computed(field, expression::text(expr, columns)),
    });
    projected.collect()
}

/// Returns columns of which the schema is all that is known.
pub(super) fn computed(schema: &Schema) -> Vec<OutputColumn> {
    let fields = schema.fields().iter();
    fields.map(|field| OutputColumn::computed(field, super::node::quoted(field.name()))).collect()
}

/// Returns a node that reads nothing of other nodes.
pub(super) fn leaf(plan: &Arc<dyn ExecutionPlan>, operator: Operator, rows: f64) -> Built {
    let columns = computed(&plan.schema());
    let estimated = Estimated { cost: cost::result(rows), rows, width: column::width(&columns) };
    Built { node: PlanNode::new(operator, estimated, Vec::new()).of(plan), columns }
}

fn appended(inputs: &[PlanNode]) -> Estimated {
    Estimated {
        cost: cost::append(inputs.iter().map(|input| input.estimated.cost)),
        rows: inputs.iter().map(|input| input.estimated.rows).sum(),
        width: inputs.iter().map(|input| input.estimated.width).fold(0.0, f64::max),
    }
}

fn leaf_count(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let children = plan.children();
    if children.is_empty() { 1 } else { children.into_iter().map(leaf_count).sum() }
}
