//! `(a, b) IN (SELECT x, y FROM …)` is an EXISTS: DataFusion compares a subquery with one value only.
//!
//! ```text
//!  (a, b) IN (q)      EXISTS (SELECT 1 FROM (q) AS "$in" ("$0", "$1") WHERE "$0" = a AND "$1" = b)
//!  (a, b) NOT IN (q)  NOT EXISTS (… WHERE ("$0" = a AND "$1" = b) IS NOT FALSE)
//! ```
//!
//! In a condition both are what IN says: a row that is neither in the list nor certainly not in it is
//! let through by neither.

use std::ops::ControlFlow;

use sqlparser::ast::{self, BinaryOperator, Expr, Ident, VisitorMut};

use super::{Refused, take};
use crate::sql::{target::select, values_query};

/// The name of the subquery: no user can write it.
const SUBQUERY: &str = "$in";

pub(super) struct RowInIsExists;

impl VisitorMut for RowInIsExists {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        let Expr::InSubquery { expr: row, subquery, negated } = expr else {
            return ControlFlow::Continue(());
        };
        let Expr::Tuple(values) = row.as_mut() else { return ControlFlow::Continue(()) };
        let equal = values.iter_mut().enumerate().map(|(position, value)| {
            let column = Expr::CompoundIdentifier(vec![ident(SUBQUERY), column(position)]);
            binary(column, BinaryOperator::Eq, Expr::Nested(Box::new(take(value))))
        });
        let condition = equal.reduce(|all, next| binary(all, BinaryOperator::And, next));
        let condition = match *negated {
            true => condition.map(|all| Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(all))))),
            false => condition,
        };
        let columns = (0..values.len())
            .map(|position| ast::TableAliasColumnDef { name: column(position), data_type: None });
        let alias = ast::TableAlias {
            explicit: true,
            name: ident(SUBQUERY),
            columns: columns.collect(),
            at: None,
        };
        let rows = std::mem::replace(subquery.as_mut(), values_query(Vec::new()));
        let relation = ast::TableFactor::Derived {
            lateral: false,
            subquery: Box::new(rows),
            alias: Some(alias),
            sample: None,
        };
        let one = Expr::value(ast::Value::Number("1".to_owned(), false));
        let mut exists = values_query(Vec::new());
        exists.body = Box::new(ast::SetExpr::Select(Box::new(select(
            vec![ast::SelectItem::UnnamedExpr(one)],
            vec![ast::TableWithJoins { relation, joins: Vec::new() }],
            condition,
        ))));
        *expr = Expr::Exists { subquery: Box::new(exists), negated: *negated };
        ControlFlow::Continue(())
    }
}

fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

fn column(position: usize) -> Ident {
    ident(&format!("${position}"))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}
