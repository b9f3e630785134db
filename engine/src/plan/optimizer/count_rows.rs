//! COUNT of a column that is never null counts rows, and rows are counted once.
//!
//! AVG is a sum over a count of its own: TPC-H's Q1 would count the same rows four times.

use std::sync::Arc;

use datafusion::{
    common::{Column, Result, tree_node::Transformed},
    logical_expr::{
        Aggregate, AggregateUDF, ExprSchemable, LogicalPlan, Projection,
        expr::{AggregateFunction, AggregateFunctionParams},
    },
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
    prelude::{Expr, lit},
};

/// See the module.
#[derive(Debug)]
pub(super) struct CountRows;

impl OptimizerRule for CountRows {
    fn name(&self) -> &str {
        "count_rows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        match counted_once(aggregate)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// Returns the aggregate with one count of rows; `None` if it has no other.
fn counted_once(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let mut count = None;
    let mut computed = Vec::with_capacity(aggregate.aggr_expr.len());
    // The names of the columns that are the count of rows.
    let mut names = Vec::new();
    for expr in &aggregate.aggr_expr {
        match count_function(expr, aggregate)? {
            Some(function) => {
                count = Some(function);
                names.push(expr.schema_name().to_string());
            }
            None => computed.push(expr.clone()),
        }
    }
    let Some(rows) = count.map(count_rows) else { return Ok(None) };
    if names == [rows.schema_name().to_string()] {
        return Ok(None);
    }
    let column = Expr::Column(Column::new_unqualified(rows.schema_name().to_string()));
    computed.push(rows);
    let shown = aggregate.schema.columns().into_iter().map(|shown| {
        match shown.relation.is_none() && names.contains(&shown.name) {
            true => column.clone().alias(shown.name),
            false => Expr::Column(shown),
        }
    });
    let shown = shown.collect();
    let groups = aggregate.group_expr.clone();
    let computed = Aggregate::try_new(Arc::clone(&aggregate.input), groups, computed)?;
    let computed = Arc::new(LogicalPlan::Aggregate(computed));
    Ok(Some(LogicalPlan::Projection(Projection::try_new(shown, computed)?)))
}

/// Returns COUNT if `expr` is it, of what is never null.
fn count_function(expr: &Expr, aggregate: &Aggregate) -> Result<Option<Arc<AggregateUDF>>> {
    // A name of its own is kept by the projection above.
    let expr = if let Expr::Alias(alias) = expr { &alias.expr } else { expr };
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else {
        return Ok(None);
    };
    let AggregateFunctionParams { args, distinct, filter, order_by, .. } = params;
    let [counted @ (Expr::Column(_) | Expr::Literal(..))] = args.as_slice() else {
        return Ok(None);
    };
    let counts_rows = func.name() == "count"
        && !distinct
        && filter.is_none()
        && order_by.is_empty()
        && !counted.nullable(aggregate.input.schema().as_ref())?;
    Ok(counts_rows.then(|| Arc::clone(func)))
}

fn count_rows(count: Arc<AggregateUDF>) -> Expr {
    let function = AggregateFunction::new_udf(count, vec![lit(1_i64)], false, None, vec![], None);
    Expr::AggregateFunction(function)
}
