//! What Redshift's and PostgreSQL's clients may write and the planner does not know, in words it does.
//!
//! | written                         | planned                  | who writes it                   |
//! |---------------------------------|--------------------------|---------------------------------|
//! | `'t'::regclass`, `regtype` …    | `regclass('t')`          | psql, drivers                   |
//! | `x::oid`                        | `x::bigint`              | psql, drivers                   |
//! | `x::name`, `x::"char"`          | `x::varchar`             | psql, drivers                   |
//! | `SELECT TOP n`                  | `LIMIT n`                | Redshift, SQL Server tools      |
//! | `a MINUS b`                     | `a EXCEPT b`             | Redshift, Oracle tools          |

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, CastKind, DataType, Expr, Ident, LimitClause, ObjectName, Query, SetExpr, SetOperator,
    TopQuantity, VisitMut, VisitorMut,
};

use crate::sql::SqlError;

/// Rewrites a query in place.
pub(super) fn query(query: &mut Query) -> Result<(), SqlError> {
    match query.visit(&mut Normaliser) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Rewrites an expression in place.
pub(super) fn expression(expression: &mut Expr) -> Result<(), SqlError> {
    match expression.visit(&mut Normaliser) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Normaliser;

impl VisitorMut for Normaliser {
    type Break = SqlError;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        if let Err(error) = top_to_limit(query) {
            return ControlFlow::Break(error);
        }
        match check_body(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        if let Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: inner,
            data_type,
            ..
        } = expr
            && let Some(name) = plain_name(data_type)
        {
            match name.as_str() {
                "regclass" | "regtype" | "regproc" | "regprocedure" | "regnamespace" => {
                    let name = if name == "regprocedure" { "regproc" } else { &name };
                    let argument =
                        std::mem::replace(inner.as_mut(), Expr::Value(ast::Value::Null.into()));
                    *expr = call(name, argument);
                }
                "oid" | "xid" => *data_type = DataType::BigInt(None),
                "name" | "char" | "cstring" | "bpchar" => *data_type = DataType::Varchar(None),
                "text" => *data_type = DataType::Varchar(None),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// Returns the name of a type that is not SQL's own, without its schema.
fn plain_name(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Custom(name, arguments) if arguments.is_empty() => {
            let last = name.0.last().and_then(|part| part.as_ident())?;
            Some(last.value.to_lowercase())
        }
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Text => Some("text".to_owned()),
        _ => None,
    }
}

fn call(name: &str, argument: Expr) -> Expr {
    let argument = ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument));
    Expr::Function(ast::Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn top_to_limit(query: &mut Query) -> Result<(), SqlError> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let Some(top) = select.top.take() else { return Ok(()) };
    if top.percent || top.with_ties || query.limit_clause.is_some() {
        return Err(SqlError::unsupported(
            "TOP with PERCENT, WITH TIES or LIMIT is not supported",
            None,
        )
        .with_hint("Use ORDER BY and LIMIT."));
    }
    let limit = match top.quantity {
        Some(TopQuantity::Constant(number)) => {
            Some(Expr::Value(ast::Value::Number(number.to_string(), false).into()))
        }
        Some(TopQuantity::Expr(expression)) => Some(expression),
        None => None,
    };
    query.limit_clause =
        Some(LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() });
    Ok(())
}

fn check_body(body: &mut SetExpr) -> Result<(), SqlError> {
    match body {
        SetExpr::SetOperation { op, left, right, .. } => {
            if *op == SetOperator::Minus {
                *op = SetOperator::Except;
            }
            check_body(left)?;
            check_body(right)
        }
        SetExpr::Select(select) => {
            if select.into.is_some() {
                return Err(SqlError::unsupported("SELECT INTO is not supported", None)
                    .with_hint("Use CREATE TABLE AS."));
            }
            Ok(())
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err(SqlError::unsupported("a WITH query that changes rows is not supported", None)
                .with_hint("Send the statements one by one."))
        }
        _ => Ok(()),
    }
}
