//! `RATIO_TO_REPORT(x) OVER (…)` is `ratio_to_report(x, sum(x) OVER (…))`: a quotient of two values, which
//! DataFusion's window functions have no need to know.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, call, catalog_name, plain_arguments};

pub(super) struct RatioToReportIsQuotient;

impl VisitorMut for RatioToReportIsQuotient {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        let ast::Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if catalog_name(&function.name) != Some("ratio_to_report") || function.over.is_none() {
            return ControlFlow::Continue(());
        }
        let mut arguments = plain_arguments(function).unwrap_or_default();
        let Some(value) = arguments.pop().filter(|_| arguments.is_empty()) else {
            return ControlFlow::Continue(());
        };
        let mut sum = function.clone();
        sum.name = ast::ObjectName::from(vec![ast::Ident::new("sum")]);
        *expr = call("ratio_to_report", vec![value, ast::Expr::Function(sum)]);
        ControlFlow::Continue(())
    }
}
