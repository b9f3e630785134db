//! `SYSDATE` is `sysdate()`: Redshift's functions without parentheses would be looked up as columns.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, call};

const WORDS: &[&str] = &["sysdate", "current_user_id"];

pub(super) struct WordsAreCalls;

impl VisitorMut for WordsAreCalls {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let ast::Expr::Identifier(name) = expr {
            if name.quote_style.is_none() && WORDS.contains(&name.value.as_str()) {
                *expr = call(&name.value.clone(), Vec::new());
            }
        }
        ControlFlow::Continue(())
    }
}
