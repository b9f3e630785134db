//! `1e300` is a DOUBLE PRECISION: other numbers with a point are NUMERIC, and none has 300 digits.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::Refused;

pub(super) struct ExponentsAreDoubles;

impl VisitorMut for ExponentsAreDoubles {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let ast::Expr::Value(value) = expr
            && let ast::Value::Number(digits, _) = &value.value
            && digits.contains(['e', 'E'])
        {
            let text = ast::Expr::value(ast::Value::SingleQuotedString(digits.clone()));
            *expr = ast::Expr::Cast {
                kind: ast::CastKind::Cast,
                expr: Box::new(text),
                data_type: ast::DataType::DoublePrecision,
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}
