//! VALUES lists as a query: how INSERT … VALUES and DEFAULT expressions are planned.

use sqlparser::ast;

/// Returns the query `VALUES (…), (…)`.
pub fn values_query(rows: Vec<Vec<ast::Expr>>) -> ast::Query {
    let rows = rows.into_iter().map(ast::Parens::with_empty_span).collect();
    let values = ast::Values { explicit_row: false, value_keyword: false, rows };
    ast::Query {
        with: None,
        body: Box::new(ast::SetExpr::Values(values)),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}
