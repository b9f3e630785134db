//! `DECODE(x, a, 1, NULL, 2, 3)` is `CASE WHEN x = a THEN 1 WHEN x IS NULL THEN 2 ELSE 3 END`: NULL
//! equals NULL there, and DataFusion's function of that name decodes bytes.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut, helpers::attached_token::AttachedToken};

use super::{Refused, catalog_name, plain_arguments};

pub(super) struct DecodeIsCase;

impl VisitorMut for DecodeIsCase {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        let ast::Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if catalog_name(&function.name) != Some("decode") {
            return ControlFlow::Continue(());
        }
        let arguments = plain_arguments(function).unwrap_or_default();
        let Some((decoded, pairs)) = arguments.split_first() else {
            return ControlFlow::Continue(());
        };
        if pairs.len() < 2 {
            return ControlFlow::Continue(());
        }
        let chunks = pairs.chunks_exact(2);
        let otherwise = chunks.remainder().first().map(|otherwise| Box::new(otherwise.clone()));
        let conditions = chunks.filter_map(|pair| {
            let [search, result] = pair else { return None };
            Some(ast::CaseWhen { condition: equals(decoded, search), result: result.clone() })
        });
        *expr = ast::Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: conditions.collect(),
            else_result: otherwise,
        };
        ControlFlow::Continue(())
    }
}

fn equals(decoded: &ast::Expr, search: &ast::Expr) -> ast::Expr {
    let decoded = Box::new(decoded.clone());
    match search {
        ast::Expr::Value(value) if value.value == ast::Value::Null => ast::Expr::IsNull(decoded),
        ast::Expr::Value(_) => ast::Expr::BinaryOp {
            left: decoded,
            op: ast::BinaryOperator::Eq,
            right: Box::new(search.clone()),
        },
        _ => ast::Expr::IsNotDistinctFrom(decoded, Box::new(search.clone())),
    }
}
