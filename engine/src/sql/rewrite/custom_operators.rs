//! `OPERATOR(pg_catalog.~)` is `~`: psql qualifies every operator of its catalogue queries.

use std::ops::ControlFlow;

use sqlparser::ast::{self, BinaryOperator, VisitorMut};

use super::Refused;

pub(super) struct NamedOperators;

impl VisitorMut for NamedOperators {
    type Break = Refused;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        let op = match expr {
            ast::Expr::BinaryOp { op, .. } => op,
            ast::Expr::AnyOp { compare_op, .. } | ast::Expr::AllOp { compare_op, .. } => compare_op,
            _ => return ControlFlow::Continue(()),
        };
        let BinaryOperator::PGCustomBinaryOperator(parts) = op else {
            return ControlFlow::Continue(());
        };
        match parts.last().and_then(|name| operator(name)) {
            Some(plain) => {
                *op = plain;
                ControlFlow::Continue(())
            }
            None => {
                let message = format!("operator does not exist: {}", parts.join("."));
                let hint = "OPERATOR(…) takes the comparison and pattern operators.";
                ControlFlow::Break(Refused::unsupported(message, hint, None))
            }
        }
    }
}

fn operator(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        _ => return None,
    })
}
