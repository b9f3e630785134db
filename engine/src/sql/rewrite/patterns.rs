//! `LIKE p ESCAPE e` is `LIKE like_escape(p, e)`, and `SIMILAR TO p` is `~ similar_escape(p, e)`, as
//! PostgreSQL plans them: DataFusion knows the backslash only, and takes SIMILAR TO for a regular
//! expression.

use std::ops::ControlFlow;

use sqlparser::ast::{self, BinaryOperator, VisitorMut};

use super::{Refused, call, take};

pub(super) struct PatternsAreEscaped;

impl VisitorMut for PatternsAreEscaped {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        match expr {
            ast::Expr::Like { pattern, escape_char, .. }
            | ast::Expr::ILike { pattern, escape_char, .. } => {
                if let Some(escape) = escape_char.take() {
                    let escape = ast::Expr::Value(escape);
                    **pattern = call("like_escape", vec![take(pattern), escape]);
                }
            }
            ast::Expr::SimilarTo { negated, expr: text, pattern, escape_char } => {
                let backslash = ast::Value::SingleQuotedString("\\".to_owned()).into();
                let escape = ast::Expr::Value(escape_char.take().unwrap_or(backslash));
                let op = match negated {
                    true => BinaryOperator::PGRegexNotMatch,
                    false => BinaryOperator::PGRegexMatch,
                };
                *expr = ast::Expr::BinaryOp {
                    left: Box::new(take(text)),
                    op,
                    right: Box::new(call("similar_escape", vec![take(pattern), escape])),
                };
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
