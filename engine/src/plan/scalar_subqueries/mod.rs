//! Correlated subqueries that DataFusion can plan only as aggregates, said as aggregates.
//!
//! | written                                 | planned                                            |
//! |-----------------------------------------|----------------------------------------------------|
//! | `(SELECT a FROM t WHERE t.k = outer.k)` | `(SELECT single_value(a) FROM t WHERE …)`          |
//! | `ARRAY(SELECT a FROM t WHERE …)`        | `(SELECT array_agg(a) FROM t WHERE …)`             |
//!
//! psql's `\d` and `\du` are made of these. A subquery is taken as correlated when it names a table
//! that its own FROM does not.

mod correlation;

use std::ops::ControlFlow;

use correlation::OwnTables;
use sqlparser::ast::{
    self, CaseWhen, Expr, FunctionArguments, Query, Select, SelectItem, SetExpr, Visit, VisitMut,
    Visitor, VisitorMut, helpers::attached_token::AttachedToken,
};

use crate::{functions::SINGLE_VALUE, sql::call};

/// Rewrites a query in place.
pub(super) fn aggregate_them(query: &mut Query) {
    let visited = query.visit(&mut Rewriter);
    debug_assert!(visited.is_continue(), "the rewriter never breaks");
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Subquery(query) => {
                let Some(select) = plain_select(query) else { return ControlFlow::Continue(()) };
                let tables = OwnTables::of(select);
                if !tables.leave_out_some(select) {
                    return ControlFlow::Continue(());
                }
                let guard = correlation::separate(select, &tables);
                wrap(select, SINGLE_VALUE);
                if let Some(guard) = guard {
                    *expr = guarded(guard, expr.clone());
                }
            }
            Expr::Function(function) if is_array(function) => {
                if let FunctionArguments::Subquery(query) = &mut function.args
                    && let Some(select) = plain_select(query)
                {
                    wrap(select, "array_agg");
                    *expr = Expr::Subquery(query.clone());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns `CASE WHEN guard THEN subquery END`.
fn guarded(guard: Expr, subquery: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: guard, result: subquery }],
        else_result: None,
    }
}

fn is_array(function: &ast::Function) -> bool {
    matches!(function.name.0.as_slice(), [part] if part.as_ident().is_some_and(|i| i.value == "array"))
}

/// Returns the select of a query that has one column and computes nothing over groups.
fn plain_select(query: &mut Query) -> Option<&mut Select> {
    if query.limit_clause.is_some() || query.with.is_some() || query.fetch.is_some() {
        return None;
    }
    // The order of one row says nothing; that of an array is lost, as its use in psql allows.
    query.order_by = None;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(e, _) if e.is_empty());
    let one_column = matches!(
        select.projection.as_slice(),
        [SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }]
    );
    let plain = one_column
        && !grouped
        && select.distinct.is_none()
        && select.having.is_none()
        && !select.from.is_empty()
        && !aggregates(select);
    plain.then_some(select)
}

/// Returns whether the column is an aggregate already.
fn aggregates(select: &Select) -> bool {
    const AGGREGATES: &[&str] = &[
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "array_agg",
        "string_agg",
        "listagg",
        "bool_and",
        "bool_or",
        "stddev",
        "stddev_samp",
        "stddev_pop",
        "var_samp",
        "var_pop",
        "variance",
        "median",
        "any_value",
        "first_value",
        "last_value",
        "approx_distinct",
        "bit_and",
        "bit_or",
        SINGLE_VALUE,
    ];
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            let name = function.name.0.last().and_then(|part| part.as_ident());
            match name {
                Some(name) if AGGREGATES.contains(&name.value.to_lowercase().as_str()) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    select.projection.visit(&mut Finder).is_break()
}

fn wrap(select: &mut Select, aggregate: &str) {
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            continue;
        };
        let argument = std::mem::replace(expr, Expr::Value(ast::Value::Null.into()));
        *expr = call(aggregate, vec![argument]);
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::{dialect::RedshiftSqlDialect, parser::Parser};

    use super::*;

    fn rewritten(sql: &str) -> String {
        let mut parser = Parser::new(&RedshiftSqlDialect {}).try_with_sql(sql).unwrap();
        let mut query = parser.parse_query().unwrap();
        aggregate_them(&mut query);
        query.to_string()
    }

    #[test]
    fn only_correlated_subqueries_change() {
        assert_eq!(
            rewritten("select (select a from t where t.k = o.k) from o"),
            "SELECT (SELECT single_value(a) FROM t WHERE t.k = o.k) FROM o"
        );
        for same in [
            "SELECT (SELECT a FROM t WHERE t.k = 1) FROM o",
            "SELECT (SELECT max(a) FROM t WHERE t.k = o.k) FROM o",
            "SELECT (SELECT a FROM t WHERE t.k = o.k LIMIT 1) FROM o",
        ] {
            assert_eq!(rewritten(same), same);
        }
    }

    #[test]
    fn conditions_on_the_outer_row_are_said_without_the_subquery() {
        assert_eq!(
            rewritten("select (select a from t where t.k = o.k and o.has and t.b > 1) from o"),
            "SELECT CASE WHEN o.has THEN (SELECT single_value(a) FROM t WHERE t.k = o.k AND t.b > 1) END FROM o"
        );
        assert_eq!(
            rewritten(
                "select (select c.n from c, t where c.i = o.c and t.i = o.t and o.c <> t.c) from o"
            ),
            "SELECT (SELECT single_value(c.n) FROM c, t WHERE c.i = o.c AND t.i = o.t AND c.i <> t.c) FROM o"
        );
    }

    #[test]
    fn an_array_of_a_subquery_is_an_aggregate() {
        assert_eq!(
            rewritten("select array(select b.r from m join b on m.i = b.i where m.k = o.k) from o"),
            "SELECT (SELECT array_agg(b.r) FROM m JOIN b ON m.i = b.i WHERE m.k = o.k) FROM o"
        );
    }
}
