//! What sqlparser reads and DataFusion would ignore without a word is refused by name.

use std::ops::ControlFlow;

use sqlparser::{
    ast::{self, Spanned, VisitorMut},
    tokenizer::Location,
};

use super::{Refused, each_set_expr, flow};

pub(super) struct Refuse;

impl VisitorMut for Refuse {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Refused> {
        if !query.locks.is_empty() || query.for_clause.is_some() {
            let hint = "Leave it out: a transaction reads one snapshot.";
            let start = query.body.span().start;
            return ControlFlow::Break(unsupported("SELECT … FOR UPDATE", hint, start));
        }
        flow(each_set_expr(&mut query.body, &mut |part, _| set_expr(part)))
    }

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<Refused> {
        let start = select.select_token.0.span.start;
        let (what, hint) = if select.into.is_some() {
            ("SELECT … INTO", "Say CREATE TABLE … AS SELECT ….")
        } else if !select.connect_by.is_empty() {
            ("CONNECT BY", "Say WITH RECURSIVE ….")
        } else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(unsupported(what, hint, start))
    }

    fn pre_visit_table_factor(&mut self, table: &mut ast::TableFactor) -> ControlFlow<Refused> {
        let (what, hint) = match table {
            ast::TableFactor::Pivot { .. } => {
                ("PIVOT", "Say SUM(CASE WHEN … THEN … END) for each column.")
            }
            ast::TableFactor::Unpivot { .. } => {
                ("UNPIVOT", "Say UNION ALL of one SELECT for each column.")
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(unsupported(what, hint, table.span().start))
    }

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        if let ast::Expr::OuterJoin(inner) = expr {
            let start = inner.span().start;
            let hint = "Say LEFT JOIN … ON ….";
            return ControlFlow::Break(unsupported("the outer join operator (+)", hint, start));
        }
        ControlFlow::Continue(())
    }
}

fn set_expr(part: &mut ast::SetExpr) -> Result<(), Refused> {
    let what = match part {
        ast::SetExpr::Insert(_) => "INSERT",
        ast::SetExpr::Update(_) => "UPDATE",
        ast::SetExpr::Delete(_) => "DELETE",
        ast::SetExpr::Merge(_) => "MERGE",
        ast::SetExpr::Table(_) => "TABLE",
        ast::SetExpr::Select(_)
        | ast::SetExpr::Query(_)
        | ast::SetExpr::SetOperation { .. }
        | ast::SetExpr::Values(_) => return Ok(()),
    };
    let hint = match what {
        "TABLE" => "Say SELECT * FROM the table.",
        "INSERT" => "Put WITH after INSERT INTO: INSERT INTO t WITH … SELECT ….",
        _ => "Write the rows that should remain to a new table by CREATE TABLE AS.",
    };
    Err(unsupported(&format!("{what} inside a query"), hint, part.span().start))
}

fn unsupported(what: &str, hint: &str, location: Location) -> Refused {
    Refused::unsupported(format!("{what} is not supported"), hint, Some(location))
}
