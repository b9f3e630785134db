//! EXISTS and IN as values: DataFusion plans them as conditions of WHERE, HAVING and joins only.
//!
//! | written             | planned                                                                        |
//! |---------------------|--------------------------------------------------------------------------------|
//! | `EXISTS (q)`        | `(SELECT count(*) FROM q) > 0`                                                 |
//! | `x IN (q)`          | `CASE WHEN (SELECT count(*) FROM q WHERE c = x) > 0 THEN TRUE`                 |
//! |                     | `WHEN (SELECT count(*) FROM q) = 0 THEN FALSE`                                 |
//! |                     | `WHEN x IS NULL OR (SELECT count(*) FROM q WHERE c IS NULL) > 0 THEN NULL`     |
//! |                     | `ELSE FALSE END`                                                               |
//!
//! Scalar subqueries with an aggregate are what it can plan anywhere, correlated or not.

use std::sync::Arc;

use datafusion::{
    common::{
        Column, DFSchema, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    error::Result,
    functions_aggregate::expr_fn::count,
    logical_expr::{
        Expr, LogicalPlan, LogicalPlanBuilder, Subquery,
        expr::{Exists, InSubquery},
        expr_rewriter::NamePreserver,
        lit, not,
        utils::merge_schema,
        when,
    },
    optimizer::AnalyzerRule,
};

/// See the module.
#[derive(Debug)]
pub(super) struct SubqueryValues;

impl AnalyzerRule for SubqueryValues {
    fn name(&self) -> &str {
        "subquery_values"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(node)?.data)
    }
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_)) {
        return Ok(Transformed::no(plan));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    // An aggregate cannot compute a correlated subquery: a projection below it does.
    let is_aggregate = matches!(plan, LogicalPlan::Aggregate(_));
    let mut below = Vec::new();
    let plan = plan.map_expressions(|expression| {
        let is_value = |inner: &Expr| Ok(matches!(inner, Expr::Exists(_) | Expr::InSubquery(_)));
        if !expression.exists(is_value)? {
            return Ok(Transformed::no(expression));
        }
        let name = names.save(&expression);
        let replaced = expression.transform_up(|inner| {
            let value = value(inner, &schema)?;
            if !is_aggregate || !value.transformed {
                return Ok(value);
            }
            let column = format!("$subquery:{}", below.len());
            below.push(value.data.alias(column.as_str()));
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column))))
        })?;
        Ok(replaced.update_data(|expression| name.restore(expression)))
    })?;
    if !plan.transformed {
        return Ok(plan);
    }
    let plan = plan.data;
    if below.is_empty() {
        return Ok(Transformed::yes(plan.recompute_schema()?));
    }
    let inputs = plan.inputs().into_iter().map(|input| {
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        LogicalPlanBuilder::from(input.clone()).project(columns.chain(below.clone()))?.build()
    });
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(plan.with_new_exprs(plan.expressions(), inputs)?))
}

fn value(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::Exists(Exists { subquery, negated }) => {
            let rows = counted(&subquery, None)?;
            let value = if negated { rows.eq(lit(0_i64)) } else { rows.gt(lit(0_i64)) };
            Ok(Transformed::yes(value))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let value = is_in(*expr, &subquery, schema)?;
            Ok(Transformed::yes(if negated { not(value) } else { value }))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_in(expr: Expr, subquery: &Subquery, schema: &DFSchema) -> Result<Expr> {
    let Some(column) = subquery.subquery.schema().columns().into_iter().next() else {
        return Ok(lit(false));
    };
    let column = Expr::Column(column);
    let outer = as_outer(expr.clone(), schema)?;
    let matches = counted(subquery, Some(column.clone().eq(outer)))?;
    let unknown = counted(subquery, Some(column.is_null()))?;
    when(matches.gt(lit(0_i64)), lit(true))
        .when(counted(subquery, None)?.eq(lit(0_i64)), lit(false))
        .when(expr.is_null().or(unknown.gt(lit(0_i64))), lit(ScalarValue::Boolean(None)))
        .otherwise(lit(false))
}

/// Returns an expression of the query around a subquery as the subquery names it.
fn as_outer(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let outer = expr.transform(|inner| {
        let Expr::Column(column) = inner else { return Ok(Transformed::no(inner)) };
        let (_, field) = schema.qualified_field_from_column(&column)?;
        Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
    })?;
    Ok(outer.data)
}

/// Returns `(SELECT count(*) FROM subquery WHERE condition)`.
fn counted(subquery: &Subquery, condition: Option<Expr>) -> Result<Expr> {
    let mut outer_ref_columns = subquery.outer_ref_columns.clone();
    let mut rows = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery));
    if let Some(condition) = condition {
        condition.apply(|inner| {
            if matches!(inner, Expr::OuterReferenceColumn(..)) && !outer_ref_columns.contains(inner)
            {
                outer_ref_columns.push(inner.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        rows = rows.filter(condition)?;
    }
    let counted = rows.aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        subquery: Arc::new(counted),
        outer_ref_columns,
        spans: subquery.spans.clone(),
    }))
}
