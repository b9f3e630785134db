//! Blanks at the end of a text mean nothing where texts are compared: "Significance of trailing blanks"
//! of Redshift's documentation. Comparisons, IN, joins, GROUP BY and DISTINCT see texts without them.
//!
//! A text is trimmed only if a column in it may end with blanks, which its runs know
//! ([`TRAILING_BLANKS_KEY`]): everywhere else nothing is computed, and blocks are skipped as before. A
//! literal is trimmed beside what is no literal. LIKE and the length of a VARCHAR see the blanks.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::Field,
    common::{
        DFSchema, ExprSchema, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    error::Result,
    functions::string,
    logical_expr::{
        Between, BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, Projection,
        expr::{AggregateFunction, InList, InSubquery},
        expr_rewriter::NamePreserver,
        utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use crate::types::TRAILING_BLANKS_KEY;

/// See the module.
#[derive(Debug)]
pub(super) struct TrailingBlanks;

impl AnalyzerRule for TrailingBlanks {
    fn name(&self) -> &str {
        "trailing_blanks"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(node)?.data)
    }
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    // The keys of groups and of joins are compared as they stand; a join's filter is no text.
    let groups = match &plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.len(),
        _ => 0,
    };
    let is_join = matches!(plan, LogicalPlan::Join(_));
    let mut position = 0;
    let plan = plan.map_expressions(|expression| {
        let is_key = position < groups || is_join;
        position += 1;
        let name = names.save(&expression);
        let compared = expression.transform_up(|inner| compared(inner, &schema))?;
        let trimmed = match is_key {
            true => compared.transform_data(|inner| trimmed(inner.unalias(), &schema))?,
            false => compared,
        };
        Ok(trimmed.update_data(|expression| name.restore(expression)))
    })?;
    let plan = plan.transform_data(distinct)?;
    if plan.transformed {
        return Ok(Transformed::yes(plan.data.recompute_schema()?));
    }
    Ok(plan)
}

/// The rows of a DISTINCT are what it shows: one of those that are equal.
fn distinct(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Distinct(Distinct::All(input)) = &plan else {
        return Ok(Transformed::no(plan));
    };
    let schema = input.schema();
    let columns = schema.columns();
    if !columns.iter().any(|column| may_end_with_blank(&Expr::Column(column.clone()), schema)) {
        return Ok(Transformed::no(plan));
    }
    let shown = columns.into_iter().map(|column| {
        let (relation, name) = (column.relation.clone(), column.name.clone());
        let trimmed = trimmed(Expr::Column(column), schema)?;
        Ok(if trimmed.transformed {
            trimmed.data.alias_qualified(relation, name)
        } else {
            trimmed.data
        })
    });
    let shown = shown.collect::<Result<Vec<_>>>()?;
    let projection = Projection::try_new(shown, Arc::clone(input))?;
    let input = Arc::new(LogicalPlan::Projection(projection));
    Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::All(input))))
}

/// Trims the sides of one comparison.
fn compared(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let l = beside((*left).clone(), &right, schema)?;
            let r = beside(*right, &left, schema)?;
            let changed = l.transformed || r.transformed;
            let binary = BinaryExpr::new(Box::new(l.data), op, Box::new(r.data));
            Ok(Transformed::new_transformed(Expr::BinaryExpr(binary), changed))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let low = beside(*low, &expr, schema)?;
            let high = beside(*high, &expr, schema)?;
            let expr = trimmed(*expr, schema)?;
            let changed = low.transformed || high.transformed || expr.transformed;
            let (low, high) = (Box::new(low.data), Box::new(high.data));
            let between = Between { expr: Box::new(expr.data), negated, low, high };
            Ok(Transformed::new_transformed(Expr::Between(between), changed))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let mut changed = false;
            let mut values = Vec::with_capacity(list.len());
            for value in list {
                let value = beside(value, &expr, schema)?;
                changed |= value.transformed;
                values.push(value.data);
            }
            let expr = trimmed(*expr, schema)?;
            changed |= expr.transformed;
            let list = InList { expr: Box::new(expr.data), list: values, negated };
            Ok(Transformed::new_transformed(Expr::InList(list), changed))
        }
        Expr::InSubquery(mut subquery) => {
            let expr = trimmed(*subquery.expr, schema)?;
            let inner = distinct_rows(Arc::clone(&subquery.subquery.subquery))?;
            subquery.subquery.subquery = inner.data;
            let subquery = InSubquery { expr: Box::new(expr.data), ..subquery };
            let changed = expr.transformed || inner.transformed;
            Ok(Transformed::new_transformed(Expr::InSubquery(subquery), changed))
        }
        Expr::AggregateFunction(AggregateFunction { func, mut params }) if params.distinct => {
            let mut changed = false;
            for argument in &mut params.args {
                let trimmed = trimmed(std::mem::take(argument), schema)?;
                changed |= trimmed.transformed;
                *argument = trimmed.data;
            }
            let function = Expr::AggregateFunction(AggregateFunction { func, params });
            Ok(Transformed::new_transformed(function, changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Trims the one column of an IN subquery.
fn distinct_rows(plan: Arc<LogicalPlan>) -> Result<Transformed<Arc<LogicalPlan>>> {
    let schema = Arc::clone(plan.schema());
    let Some(column) = schema.columns().into_iter().next() else {
        return Ok(Transformed::no(plan));
    };
    let name = column.name.clone();
    let column = trimmed(Expr::Column(column), &schema)?;
    if !column.transformed {
        return Ok(Transformed::no(plan));
    }
    let projection = Projection::try_new(vec![column.data.alias(name)], plan)?;
    Ok(Transformed::yes(Arc::new(LogicalPlan::Projection(projection))))
}

fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// Trims what is compared with `other`: a literal unless both are.
fn beside(expression: Expr, other: &Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    // The coercion casts a literal to the text type of what it is compared with.
    if let Expr::Cast(cast) = &expression
        && let Expr::Literal(..) = *cast.expr
    {
        return expression.map_children(|literal| beside(literal, other, schema));
    }
    if let Expr::Literal(value, metadata) = expression {
        let text = value.try_as_str().flatten().map(str::to_owned);
        return Ok(
            match text.filter(|text| text.ends_with(' ') && !matches!(other, Expr::Literal(..))) {
                Some(text) => {
                    let text = ScalarValue::Utf8View(Some(text.trim_end_matches(' ').to_owned()));
                    let text = text.cast_to(&value.data_type())?;
                    Transformed::yes(Expr::Literal(text, metadata))
                }
                None => Transformed::no(Expr::Literal(value, metadata)),
            },
        );
    }
    trimmed(expression, schema)
}

/// Trims a text that may end with blanks.
fn trimmed(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if !may_end_with_blank(&expression, schema) || !expression.get_type(schema)?.is_string() {
        return Ok(Transformed::no(expression));
    }
    let blank = Expr::Literal(ScalarValue::from(" "), None);
    Ok(Transformed::yes(string::rtrim().call(vec![expression, blank])))
}

/// Returns whether a column that may end with blanks is in an expression that is not trimmed yet.
fn may_end_with_blank(expression: &Expr, schema: &DFSchema) -> bool {
    if matches!(expression, Expr::ScalarFunction(call) if call.func.name() == "rtrim")
        || matches!(expression, Expr::GroupingSet(_))
    {
        return false;
    }
    let may = |field: &Field| field.metadata().contains_key(TRAILING_BLANKS_KEY);
    let found = expression.exists(|inner| {
        Ok(match inner {
            Expr::Column(column) => schema.field_from_column(column).is_ok_and(|field| may(field)),
            Expr::OuterReferenceColumn(field, _) => may(field),
            _ => false,
        })
    });
    found.unwrap_or(true)
}
