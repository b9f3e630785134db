//! Groups that a join throws away are not computed.
//!
//! ```text
//!      Inner(p_partkey = l_partkey)          Inner(p_partkey = l_partkey)
//!       ├─ part, 1 of 1,000          ──▶      ├─ part, 1 of 1,000
//!       └─ avg(…) group by l_partkey          └─ avg(…) group by l_partkey
//!           └─ lineitem                           └─ Semi(l_partkey)
//!                                                     ├─ lineitem
//!                                                     └─ part, 1 of 1,000
//! ```
//!
//! A correlated scalar subquery is planned as an aggregate over all keys, of which the join keeps those
//! of the outer query. Where another relation of the join is estimated to have few of the keys and
//! little to read, it goes below the aggregate as well (the magic sets of Mumick et al., SIGMOD 1990).
//! TPC-H's Q2, Q17 and Q20 are of this form.

use std::sync::Arc;

use datafusion::{
    common::{
        Column, JoinConstraint, JoinType, NullEquality, Result,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        Aggregate, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias,
    },
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
    prelude::Expr,
};

use super::{
    cardinality::{Estimate, estimate},
    join_order::JoinGroup,
    push_semi_join,
};

/// At most this part of the groups may be asked for.
const FEW_KEYS: f64 = 0.2;
/// Rows read a second time for the keys, at most, as a part of the rows that are aggregated.
const LITTLE_TO_READ: f64 = 0.25;

/// See the module.
#[derive(Debug)]
pub(super) struct ReduceAggregates;

impl OptimizerRule for ReduceAggregates {
    fn name(&self) -> &str {
        "reduce_aggregates"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if !matches!(plan, LogicalPlan::Join(_)) {
            return Ok(Transformed::no(plan));
        }
        let Some((group, _)) = JoinGroup::of(&plan)? else { return Ok(Transformed::no(plan)) };
        let alias = || config.alias_generator().next("__keys");
        match reduction(&group, alias)? {
            Some((from, to)) => replaced(plan, &from, to),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// Returns a relation of the group, and the same computed for fewer keys.
fn reduction(
    group: &JoinGroup,
    alias: impl Fn() -> String,
) -> Result<Option<(Arc<LogicalPlan>, LogicalPlan)>> {
    let aggregates = (0..group.relations.len())
        .filter(|index| aggregate_below(&group.relations[*index]).is_some())
        .collect::<Vec<_>>();
    if aggregates.is_empty() {
        return Ok(None);
    }
    let estimates = group.estimates();
    for equal in &group.equal {
        for (index, key) in equal.members.iter().filter(|(index, _)| aggregates.contains(index)) {
            let relation = &group.relations[*index];
            let Some(aggregate) = aggregate_below(relation) else { continue };
            let read = estimate(&aggregate.input).rows;
            let groups = estimates[*index].rows_before_filters;
            let few = |other: &Estimate, key: &Expr| other.distinct(key) < FEW_KEYS * groups;
            let keys = equal.members.iter().filter(|(other, other_key)| {
                !aggregates.contains(other)
                    && few(&estimates[*other], other_key)
                    && rows_read(&group.relations[*other]) < LITTLE_TO_READ * read
            });
            let rows = |(other, _): &&(usize, Expr)| estimates[*other].rows;
            let Some((other, other_key)) = keys.min_by(|a, b| rows(a).total_cmp(&rows(b))) else {
                continue;
            };
            let keys = Keys::of(&group.relations[*other], other_key, &alias())?;
            if let Expr::Column(column) = key
                && let Some(reduced) = reduced(relation, column, &keys)?
            {
                return Ok(Some((Arc::clone(relation), reduced)));
            }
        }
    }
    Ok(None)
}

/// Returns how many rows the tables below a plan have.
fn rows_read(plan: &LogicalPlan) -> f64 {
    match plan.inputs().as_slice() {
        [] => estimate(plan).rows_before_filters,
        inputs => inputs.iter().map(|input| rows_read(input)).sum(),
    }
}

fn aggregate_below(plan: &LogicalPlan) -> Option<&Aggregate> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let plain = !aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_)));
            (plain && !aggregate.group_expr.is_empty()).then_some(aggregate)
        }
        LogicalPlan::SubqueryAlias(alias) => aggregate_below(&alias.input),
        LogicalPlan::Projection(projection) => aggregate_below(&projection.input),
        LogicalPlan::Filter(filter) => aggregate_below(&filter.input),
        _ => None,
    }
}

/// The keys that are asked for, under a name of their own.
struct Keys {
    plan: Arc<LogicalPlan>,
    key: Expr,
}

impl Keys {
    fn of(relation: &Arc<LogicalPlan>, key: &Expr, alias: &str) -> Result<Self> {
        let plan = LogicalPlanBuilder::from(Arc::clone(relation))
            .project([key.clone().alias("key")])?
            .alias(alias)?
            .build()?;
        let key = Expr::Column(Column::new(Some(alias), "key"));
        Ok(Self { plan: Arc::new(plan), key })
    }
}

/// Returns the relation computed for some keys of one of its columns; `None` if the column is not one
/// that it is grouped by.
fn reduced(plan: &LogicalPlan, column: &Column, keys: &Keys) -> Result<Option<LogicalPlan>> {
    let Some(index) = plan.schema().maybe_index_of_column(column) else { return Ok(None) };
    let below = |input: &Arc<LogicalPlan>, column: &Column| -> Result<Option<Arc<LogicalPlan>>> {
        Ok(reduced(input, column, keys)?.map(Arc::new))
    };
    Ok(match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let column = Column::from(alias.input.schema().qualified_field(index));
            let input = below(&alias.input, &column)?;
            let wrap = |input| SubqueryAlias::try_new(input, alias.alias.clone());
            input.map(wrap).transpose()?.map(LogicalPlan::SubqueryAlias)
        }
        LogicalPlan::Projection(projection) => {
            let Some(column) = as_plain_column(&projection.expr[index]) else { return Ok(None) };
            let input = below(&projection.input, column)?;
            let wrap = |input| Projection::try_new(projection.expr.clone(), input);
            input.map(wrap).transpose()?.map(LogicalPlan::Projection)
        }
        LogicalPlan::Filter(filter) => {
            let input = below(&filter.input, column)?;
            let wrap = |input| Filter::try_new(filter.predicate.clone(), input);
            input.map(wrap).transpose()?.map(LogicalPlan::Filter)
        }
        LogicalPlan::Aggregate(aggregate) => {
            let Some(key) = aggregate.group_expr.get(index) else { return Ok(None) };
            let input = asked_for(&aggregate.input, key, keys)?;
            let (group, functions) = (aggregate.group_expr.clone(), aggregate.aggr_expr.clone());
            Some(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), group, functions)?))
        }
        _ => None,
    })
}

fn as_plain_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => as_plain_column(&alias.expr),
        _ => None,
    }
}

/// Returns the rows whose key is asked for.
fn asked_for(input: &Arc<LogicalPlan>, key: &Expr, keys: &Keys) -> Result<LogicalPlan> {
    let semi = Join::try_new(
        Arc::clone(input),
        Arc::clone(&keys.plan),
        vec![(key.clone(), keys.key.clone())],
        None,
        JoinType::LeftSemi,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )?;
    Ok(match push_semi_join::push(&semi, input)? {
        Some(pushed) => pushed,
        None => LogicalPlan::Join(semi),
    })
}

/// Returns a plan with another one in the place of the relation `from`.
fn replaced(
    plan: LogicalPlan,
    from: &Arc<LogicalPlan>,
    to: LogicalPlan,
) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down(|node| {
        if node == **from { Ok(Transformed::yes(to.clone())) } else { Ok(Transformed::no(node)) }
    })
}
