//! `DATEADD(day, …)` is `DATEADD('day', …)`: a bare date part would be looked up as a column.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::Refused;

/// Functions whose first argument is a date part.
const FUNCTIONS: &[&str] = &[
    "date_add",
    "date_diff",
    "date_part",
    "date_trunc",
    "dateadd",
    "datediff",
    "datepart",
    "pgdate_part",
];

pub(super) struct DatePartsAreText;

impl VisitorMut for DatePartsAreText {
    type Break = Refused;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        let ast::Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if !super::catalog_name(&function.name).is_some_and(|name| FUNCTIONS.contains(&name)) {
            return ControlFlow::Continue(());
        }
        let ast::FunctionArguments::List(list) = &mut function.args else {
            return ControlFlow::Continue(());
        };
        if let Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(part))) =
            list.args.first_mut()
        {
            if let ast::Expr::Identifier(name) = part {
                let text = ast::Value::SingleQuotedString(name.value.clone());
                *part = ast::Expr::Value(text.with_span(name.span));
            }
        }
        ControlFlow::Continue(())
    }
}
