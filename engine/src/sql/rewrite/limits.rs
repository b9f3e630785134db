//! `TOP n` and `FETCH FIRST n ROWS ONLY` are `LIMIT n`: DataFusion knows LIMIT only.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Spanned, VisitorMut};

use super::{Refused, each_set_expr, flow};

pub(super) struct TopAndFetchAreLimit;

impl VisitorMut for TopAndFetchAreLimit {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Refused> {
        flow(fetch(query).and_then(|()| top(query)))
    }
}

fn fetch(query: &mut ast::Query) -> Result<(), Refused> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.percent || fetch.with_ties {
        return Err(no_ties("FETCH FIRST"));
    }
    let one = ast::Expr::value(ast::Value::Number("1".to_owned(), false));
    limit(query, fetch.quantity.unwrap_or(one))
}

fn top(query: &mut ast::Query) -> Result<(), Refused> {
    let mut outer = None;
    each_set_expr(&mut query.body, &mut |part, nested| {
        let ast::SetExpr::Select(select) = part else { return Ok(()) };
        let Some(top) = select.top.take() else { return Ok(()) };
        let quantity = quantity(top)?;
        if !nested {
            outer = Some((quantity, select.select_token.0.span.start));
            return Ok(());
        }
        // One arm of a UNION: its own query, or the limit would be the union's.
        let mut arm = crate::sql::values_query(Vec::new());
        arm.limit_clause = Some(clause(quantity));
        std::mem::swap(&mut *arm.body, part);
        *part = ast::SetExpr::Query(Box::new(arm));
        Ok(())
    })?;
    match outer {
        Some((quantity, location)) => limit(query, quantity).map_err(|mut refused| {
            refused.location = Some(location);
            refused
        }),
        None => Ok(()),
    }
}

fn quantity(top: ast::Top) -> Result<ast::Expr, Refused> {
    if top.percent || top.with_ties {
        return Err(no_ties("TOP"));
    }
    Ok(match top.quantity {
        Some(ast::TopQuantity::Expr(expression)) => expression,
        Some(ast::TopQuantity::Constant(count)) => {
            ast::Expr::value(ast::Value::Number(count.to_string(), false))
        }
        None => return Err(no_ties("TOP")),
    })
}

fn limit(query: &mut ast::Query, quantity: ast::Expr) -> Result<(), Refused> {
    match &mut query.limit_clause {
        None => query.limit_clause = Some(clause(quantity)),
        Some(ast::LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(quantity),
        Some(clause) => {
            let message = "a query cannot have both TOP or FETCH FIRST and LIMIT";
            let location = Some(clause.span().start);
            return Err(Refused::unsupported(message, "Keep one of them.", location));
        }
    }
    Ok(())
}

fn clause(quantity: ast::Expr) -> ast::LimitClause {
    ast::LimitClause::LimitOffset { limit: Some(quantity), offset: None, limit_by: Vec::new() }
}

fn no_ties(what: &str) -> Refused {
    let message = format!("{what} … PERCENT and WITH TIES are not supported");
    Refused::unsupported(message, "Number the rows by RANK() and filter them by QUALIFY.", None)
}
