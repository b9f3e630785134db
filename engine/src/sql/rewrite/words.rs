//! `SYSDATE` is `sysdate()`: Redshift's functions without parentheses would be looked up as columns.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, call};

const WORDS: &[&str] = &["sysdate", "current_schema", "current_user_id"];

pub(super) struct WordsAreCalls;

impl VisitorMut for WordsAreCalls {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let ast::Expr::Identifier(name) = expr
            && name.quote_style.is_none()
            && let Some(word) = WORDS.iter().find(|word| **word == name.value)
        {
            *expr = call(word, Vec::new());
        }
        ControlFlow::Continue(())
    }
}
