//! Scalar subqueries that are planned as joins: more than one row is an error there too, not more rows.
//!
//! In one process DataFusion runs an uncorrelated subquery before its query, and counts. A plan whose pieces run
//! on several nodes has a join in its place, which does not.

use std::sync::Arc;

use datafusion::{
    common::{
        Column,
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    logical_expr::{
        Expr, FetchType, LogicalPlan, LogicalPlanBuilder, Subquery, expr_rewriter::NamePreserver,
    },
    optimizer::AnalyzerRule,
};

use crate::functions::single_value;

/// See the module.
#[derive(Debug)]
pub(super) struct SingleRows;

impl AnalyzerRule for SingleRows {
    fn name(&self) -> &str {
        "single_rows"
    }

    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
        if options.optimizer.enable_physical_uncorrelated_scalar_subquery {
            return Ok(plan);
        }
        plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let checked = expression.transform_up(checked)?;
                Ok(checked.update_data(|expression| name.restore(expression)))
            })
        })
        .data()
    }
}

/// Makes an aggregate of a subquery that may have several rows.
fn checked(expression: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarSubquery(subquery) = expression else { return Ok(Transformed::no(expression)) };
    let plan = &subquery.subquery;
    if has_one_row(plan) || !subquery.outer_ref_columns.is_empty() {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    let Some((qualifier, field)) = plan.schema().iter().next() else {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    };
    let column = Expr::Column(Column::from((qualifier, field)));
    let value = single_value::udaf().call(vec![column]).alias(field.name());
    let one = LogicalPlanBuilder::from(Arc::clone(plan)).aggregate(Vec::<Expr>::new(), [value])?;
    let one = Subquery { subquery: Arc::new(one.build()?), ..subquery };
    Ok(Transformed::yes(Expr::ScalarSubquery(one)))
}

/// Returns whether a plan surely has no more than one row.
fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Limit(limit) => {
            matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1))))
        }
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::Filter(filter) => has_one_row(&filter.input),
        LogicalPlan::Sort(sort) => has_one_row(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row(&alias.input),
        _ => false,
    }
}
