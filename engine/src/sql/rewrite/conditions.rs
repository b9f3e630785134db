//! `WHERE 1 AND x` is `WHERE TRUE AND x`: a number is a truth value where one is asked for. Catalogue
//! queries of drivers are put together in this way.

use std::ops::ControlFlow;

use sqlparser::ast::{self, BinaryOperator, Expr, JoinConstraint, UnaryOperator, VisitorMut};

use super::Refused;

pub(super) struct NumbersAreTruthValues;

impl VisitorMut for NumbersAreTruthValues {
    type Break = Refused;

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<Refused> {
        let conditions = [&mut select.selection, &mut select.having, &mut select.qualify];
        conditions.into_iter().flatten().for_each(truth_value);
        for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
            if let Some(JoinConstraint::On(condition)) = constraint(&mut join.join_operator) {
                truth_value(condition);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                truth_value(left);
                truth_value(right);
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => truth_value(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn constraint(operator: &mut ast::JoinOperator) -> Option<&mut JoinConstraint> {
    use ast::JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    match operator {
        Join(constraint)
        | Inner(constraint)
        | Left(constraint)
        | LeftOuter(constraint)
        | Right(constraint)
        | RightOuter(constraint)
        | FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

fn truth_value(expr: &mut Expr) {
    match expr {
        Expr::Nested(inner) => truth_value(inner),
        Expr::Value(value) => {
            if let ast::Value::Number(digits, _) = &value.value
                && let Ok(number) = digits.parse::<i64>()
            {
                value.value = ast::Value::Boolean(number != 0);
            }
        }
        _ => {}
    }
}
