//! `|/ x`, `||/ x` and `@ x` are `sqrt(x)`, `cbrt(x)` and `abs(x)`: DataFusion has no such operators.

use std::ops::ControlFlow;

use sqlparser::ast::{self, UnaryOperator, VisitorMut};

use super::{Refused, call, take};

pub(super) struct OperatorsAreFunctions;

impl VisitorMut for OperatorsAreFunctions {
    type Break = Refused;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let ast::Expr::UnaryOp { op, expr: operand } = expr {
            let name = match op {
                UnaryOperator::PGSquareRoot => "sqrt",
                UnaryOperator::PGCubeRoot => "cbrt",
                UnaryOperator::PGAbs => "abs",
                _ => return ControlFlow::Continue(()),
            };
            *expr = call(name, vec![take(operand)]);
        }
        ControlFlow::Continue(())
    }
}
