//! `1e300` is a DOUBLE PRECISION, as in PostgreSQL; without an exponent a number is a DECIMAL.
//!
//! DataFusion is told to read numbers as decimals, whose scale has no room for such exponents.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::Refused;

pub(super) struct ExponentsAreFloats;

/// Returns whether a literal is a number with an exponent.
pub(super) fn has_exponent(value: &ast::Value) -> bool {
    matches!(value, ast::Value::Number(digits, _) if digits.contains(['e', 'E']))
}

impl VisitorMut for ExponentsAreFloats {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        let ast::Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        if !has_exponent(&value.value) {
            return ControlFlow::Continue(());
        }
        if let ast::Value::Number(digits, _) = &value.value {
            let text = ast::Value::SingleQuotedString(digits.clone()).with_span(value.span);
            *expr = ast::Expr::Cast {
                kind: ast::CastKind::Cast,
                expr: Box::new(ast::Expr::Value(text)),
                data_type: ast::DataType::DoublePrecision,
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}
