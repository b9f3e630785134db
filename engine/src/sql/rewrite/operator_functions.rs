//! `|/ x`, `||/ x` and `@ x` are `sqrt(x)`, `cbrt(x)` and `abs(x)`, and `x AT TIME ZONE z` is
//! `timezone(z, x)`: DataFusion has no such operators, or another meaning of them. `mod(x, y)` is `x % y`, and
//! `~x` is `x # -1`.

use std::ops::ControlFlow;

use sqlparser::ast::{self, BinaryOperator, UnaryOperator, VisitorMut};

use super::{Refused, call, catalog_name, plain_arguments, take};

pub(super) struct OperatorsAreFunctions;

impl VisitorMut for OperatorsAreFunctions {
    type Break = Refused;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        match expr {
            ast::Expr::UnaryOp { op, expr: operand } => {
                let name = match op {
                    UnaryOperator::PGSquareRoot => "sqrt",
                    UnaryOperator::PGCubeRoot => "cbrt",
                    UnaryOperator::PGAbs => "abs",
                    UnaryOperator::BitwiseNot => {
                        *expr = complement(take(operand));
                        return ControlFlow::Continue(());
                    }
                    _ => return ControlFlow::Continue(()),
                };
                *expr = call(name, vec![take(operand)]);
            }
            ast::Expr::AtTimeZone { timestamp, time_zone } => {
                *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
            }
            ast::Expr::Function(function) => {
                if let Some(remainder) = remainder(function) {
                    *expr = remainder;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// All bits of -1 are set.
fn complement(operand: ast::Expr) -> ast::Expr {
    let left = Box::new(ast::Expr::Nested(Box::new(operand)));
    let right = Box::new(ast::Expr::value(ast::Value::Number("-1".to_owned(), false)));
    let complement = ast::Expr::BinaryOp { left, op: BinaryOperator::PGBitwiseXor, right };
    ast::Expr::Nested(Box::new(complement))
}

fn remainder(function: &ast::Function) -> Option<ast::Expr> {
    if catalog_name(&function.name) != Some("mod") {
        return None;
    }
    let [dividend, divisor] = <[ast::Expr; 2]>::try_from(plain_arguments(function)?).ok()?;
    let operand = |expr| Box::new(ast::Expr::Nested(Box::new(expr)));
    let (left, right) = (operand(dividend), operand(divisor));
    let remainder = ast::Expr::BinaryOp { left, op: BinaryOperator::Modulo, right };
    Some(ast::Expr::Nested(Box::new(remainder)))
}
