//! Which part of a node's rows passes a condition: the optimizer's estimates, over physical expressions.

use std::sync::Arc;

use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{
            BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal,
            NotExpr,
        },
    },
};

use super::{column::OutputColumn, expression::conjuncts};
use crate::plan::optimizer::cardinality::{
    ColumnEstimate, INEQUALITY_SELECTIVITY, PATTERN_SELECTIVITY, UNKNOWN_SELECTIVITY, values_shown,
};

/// Returns the part of the rows that pass, and narrows the columns that the condition is about.
pub(super) fn narrow(predicate: &Arc<dyn PhysicalExpr>, columns: &mut [OutputColumn]) -> f64 {
    let parts = conjuncts(predicate).into_iter().map(|conjunct| {
        if let Some((column, operator, value)) = comparison(conjunct)
            && let Some(values) = columns.get_mut(column).and_then(|known| known.values.as_mut())
        {
            return values.compare(operator, value);
        }
        selectivity(conjunct, columns)
    });
    parts.product::<f64>().clamp(0.0, 1.0)
}

/// Returns the part of the rows that pass.
pub(super) fn selectivity(predicate: &Arc<dyn PhysicalExpr>, columns: &[OutputColumn]) -> f64 {
    if let Some(binary) = predicate.downcast_ref::<BinaryExpr>() {
        return of_operation(predicate, binary, columns);
    }
    let negated = |part: f64, negated: bool| if negated { 1.0 - part } else { part };
    if let Some(not) = predicate.downcast_ref::<NotExpr>() {
        return 1.0 - selectivity(not.arg(), columns);
    }
    if let Some(test) = predicate.downcast_ref::<IsNullExpr>() {
        return values_of(test.arg(), columns).map_or(UNKNOWN_SELECTIVITY, |known| known.nulls);
    }
    if let Some(test) = predicate.downcast_ref::<IsNotNullExpr>() {
        return 1.0 - values_of(test.arg(), columns).map_or(0.0, |known| known.nulls);
    }
    if let Some(list) = predicate.downcast_ref::<InListExpr>() {
        let values = list.list().iter().map(literal);
        let part = values_of(list.expr(), columns)
            .map_or(UNKNOWN_SELECTIVITY, |known| known.any_of(values));
        return negated(part, list.negated());
    }
    if let Some(like) = predicate.downcast_ref::<LikeExpr>() {
        let known = values_of(like.expr(), columns).zip(literal(like.pattern()));
        let part = known.map_or(PATTERN_SELECTIVITY, |(known, pattern)| {
            known.like(pattern, like.case_insensitive())
        });
        return negated(part, like.negated());
    }
    match literal(predicate) {
        Some(ScalarValue::Boolean(Some(true))) => 1.0,
        Some(ScalarValue::Boolean(_)) => 0.0,
        _ => UNKNOWN_SELECTIVITY,
    }
}

/// Returns how many different values of expressions together so many rows show.
pub(super) fn groups<'a>(
    expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    columns: &[OutputColumn],
    rows: f64,
) -> f64 {
    let shown = expressions.map(|expr| {
        values_of(expr, columns).map_or(rows, |known| values_shown(known.domain, rows))
    });
    shown.product::<f64>().clamp(1.0, rows.max(1.0))
}

/// Returns how many values the keys of one side of a join are drawn from.
pub(super) fn key_domain<'a>(
    keys: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    columns: &[OutputColumn],
    rows: f64,
) -> f64 {
    let domains = keys.map(|key| values_of(key, columns).map_or(rows, |known| known.domain));
    domains.product::<f64>().max(1.0)
}

fn of_operation(
    predicate: &Arc<dyn PhysicalExpr>,
    binary: &BinaryExpr,
    columns: &[OutputColumn],
) -> f64 {
    let (left, right) = (binary.left(), binary.right());
    match binary.op() {
        Operator::And => return selectivity(left, columns) * selectivity(right, columns),
        Operator::Or => {
            let (left, right) = (selectivity(left, columns), selectivity(right, columns));
            return left + right - left * right;
        }
        _ => {}
    }
    if let Some((column, operator, value)) = comparison(predicate)
        && let Some(known) = columns.get(column).and_then(|known| known.values.clone())
    {
        return { known }.compare(operator, value);
    }
    let domains = [left, right].map(|side| values_of(side, columns).map(|known| known.domain));
    let domain = domains
        .into_iter()
        .flatten()
        .fold(None, |most: Option<f64>, domain| Some(most.map_or(domain, |most| most.max(domain))));
    match (binary.op(), domain) {
        (Operator::Eq, Some(domain)) => 1.0 / domain.max(1.0),
        (Operator::NotEq, Some(domain)) => 1.0 - 1.0 / domain.max(1.0),
        (Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq, _) => {
            INEQUALITY_SELECTIVITY
        }
        _ => UNKNOWN_SELECTIVITY,
    }
}

/// Returns what is known of the column that an expression is, or casts.
fn values_of<'a>(
    expr: &Arc<dyn PhysicalExpr>,
    columns: &'a [OutputColumn],
) -> Option<&'a ColumnEstimate> {
    columns.get(position(expr)?)?.values.as_ref()
}

fn position(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    match expr.downcast_ref::<CastExpr>() {
        Some(cast) => position(cast.expr()),
        None => Some(expr.downcast_ref::<Column>()?.index()),
    }
}

/// Returns `column operator literal`, turned round if it is written the other way.
fn comparison(expr: &Arc<dyn PhysicalExpr>) -> Option<(usize, Operator, &ScalarValue)> {
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (binary.left(), binary.right());
    if let Some(value) = literal(right) {
        return Some((position(left)?, *binary.op(), value));
    }
    Some((position(right)?, binary.op().swap()?, literal(left)?))
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}
