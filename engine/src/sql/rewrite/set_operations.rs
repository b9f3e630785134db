//! `MINUS` is `EXCEPT`: DataFusion knows the standard's word only.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, each_set_expr, flow};

pub(super) struct MinusIsExcept;

impl VisitorMut for MinusIsExcept {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Refused> {
        flow(each_set_expr(&mut query.body, &mut |part, _| {
            if let ast::SetExpr::SetOperation { op, .. } = part {
                if *op == ast::SetOperator::Minus {
                    *op = ast::SetOperator::Except;
                }
            }
            Ok(())
        }))
    }
}
