//! `INTERVAL '1w, 1h'` is `INTERVAL '1w 1h'`: Arrow's parser knows no commas.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::Refused;

pub(super) struct IntervalsHaveNoCommas;

impl VisitorMut for IntervalsHaveNoCommas {
    type Break = Refused;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let ast::Expr::Interval(interval) = expr
            && let ast::Expr::Value(value) = interval.value.as_mut()
            && let ast::Value::SingleQuotedString(text) = &mut value.value
            && text.contains(',')
        {
            let parts: Vec<&str> = text.split(',').map(str::trim).collect();
            *text = parts.join(" ");
        }
        ControlFlow::Continue(())
    }
}
