//! A selective semi-join goes below the inner joins it does not need.
//!
//! ```text
//!       Semi(o_orderkey)                     Inner
//!        ├─ Inner                             ├─ Inner
//!        │   ├─ Inner                         │   ├─ customer
//!        │   │   ├─ customer        ──▶       │   └─ Semi(o_orderkey)
//!        │   │   └─ orders                    │       ├─ orders
//!        │   └─ lineitem                      │       └─ having sum(…) > 300
//!        └─ having sum(…) > 300               └─ lineitem
//! ```
//!
//! A semi-join (or a null-unaware anti-join) only removes rows of its left side, so it commutes with
//! an inner join when all it looks at comes from one of that join's inputs. It is moved only when its
//! right side is what a HAVING leaves: few rows, as a rule. TPC-H Q18 is the case in point.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    common::{Column, JoinType, Result, tree_node::Transformed},
    logical_expr::{Join, LogicalPlan, Projection},
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
    prelude::Expr,
};

/// See the module.
#[derive(Debug)]
pub(super) struct PushSemiJoin;

impl OptimizerRule for PushSemiJoin {
    fn name(&self) -> &str {
        "push_semi_join"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(semi) = &plan else { return Ok(Transformed::no(plan)) };
        if semi.join_type != JoinType::LeftSemi || semi.null_aware || !is_having(&semi.right) {
            return Ok(Transformed::no(plan));
        }
        match push(semi, &semi.left)? {
            Some(pushed) => Ok(Transformed::yes(pushed)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// Returns whether rows come out of a filter over groups.
fn is_having(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(Projection { input, .. }) => is_having(input),
        LogicalPlan::SubqueryAlias(alias) => is_having(&alias.input),
        LogicalPlan::Filter(filter) => matches!(
            without_projections(&filter.input),
            LogicalPlan::Aggregate(aggregate) if !aggregate.group_expr.is_empty()
        ),
        _ => false,
    }
}

fn without_projections(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(Projection { input, .. }) => without_projections(input),
        plan => plan,
    }
}

/// Returns `left` with the semi-join inside it, or nothing if it must stay on top.
pub(super) fn push(semi: &Join, left: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match left {
        LogicalPlan::Projection(projection) if only_columns(projection) => {
            let Some(input) = push_or_place(semi, &projection.input)? else { return Ok(None) };
            let expressions = projection.expr.clone();
            Ok(Some(LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(input))?)))
        }
        LogicalPlan::Join(inner) if inner.join_type == JoinType::Inner => {
            let (left, right) = (&inner.left, &inner.right);
            if looks_only_at(semi, left) {
                let Some(pushed) = push_or_place(semi, left)? else { return Ok(None) };
                return rejoin(inner, Arc::new(pushed), Arc::clone(right)).map(Some);
            }
            if looks_only_at(semi, right) {
                let Some(pushed) = push_or_place(semi, right)? else { return Ok(None) };
                return rejoin(inner, Arc::clone(left), Arc::new(pushed)).map(Some);
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Pushes the semi-join into `input` as far as it goes, or puts it right above.
fn push_or_place(semi: &Join, input: &Arc<LogicalPlan>) -> Result<Option<LogicalPlan>> {
    if !looks_only_at(semi, input) {
        return Ok(None);
    }
    if let Some(pushed) = push(semi, input)? {
        return Ok(Some(pushed));
    }
    let join = Join::try_new(
        Arc::clone(input),
        Arc::clone(&semi.right),
        semi.on.clone(),
        semi.filter.clone(),
        semi.join_type,
        semi.join_constraint,
        semi.null_equality,
        semi.null_aware,
    )?;
    Ok(Some(LogicalPlan::Join(join)))
}

fn rejoin(inner: &Join, left: Arc<LogicalPlan>, right: Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let join = Join::try_new(
        left,
        right,
        inner.on.clone(),
        inner.filter.clone(),
        inner.join_type,
        inner.join_constraint,
        inner.null_equality,
        inner.null_aware,
    )?;
    Ok(LogicalPlan::Join(join))
}

/// A projection that computes nothing: below it every column has the same name.
fn only_columns(projection: &Projection) -> bool {
    projection.expr.iter().all(|expression| matches!(expression, Expr::Column(_)))
}

/// Returns whether all that the semi-join asks of its left side is in `plan`.
fn looks_only_at(semi: &Join, plan: &LogicalPlan) -> bool {
    let mut asked: HashSet<Column> = HashSet::new();
    for (left, _) in &semi.on {
        asked.extend(left.column_refs().into_iter().cloned());
    }
    if let Some(filter) = &semi.filter {
        let of_right = |column: &Column| semi.right.schema().has_column(column);
        asked.extend(filter.column_refs().into_iter().filter(|c| !of_right(c)).cloned());
    }
    !asked.is_empty() && asked.iter().all(|column| plan.schema().has_column(column))
}
