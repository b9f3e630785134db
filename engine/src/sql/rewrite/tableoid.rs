//! `t.tableoid`, the OID of the table that a row is of, is `regclass('t')`: no table has a column for
//! it. psql's `\dd` joins comments by it.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, Select, TableFactor, VisitMut, VisitorMut};

use super::{Refused, call};

pub(super) struct TableoidIsRegclass;

impl VisitorMut for TableoidIsRegclass {
    type Break = Refused;

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refused> {
        let factors = select.from.iter().flat_map(|table| {
            std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
        });
        let tables = factors.filter_map(named).collect();
        select.visit(&mut Replacer { tables })
    }
}

/// Returns the name that a table of FROM goes by, and its name in the catalogue.
fn named(table: &TableFactor) -> Option<(String, String)> {
    let TableFactor::Table { name, alias, args: None, .. } = table else { return None };
    let last = name.0.last().and_then(|part| part.as_ident())?;
    let alias = alias.as_ref().map_or(last, |alias| &alias.name);
    Some((alias.value.clone(), name.to_string()))
}

struct Replacer {
    tables: Vec<(String, String)>,
}

impl VisitorMut for Replacer {
    type Break = Refused;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [table, column] = parts.as_slice()
            && column.value == "tableoid"
            && let Some((_, name)) = self.tables.iter().find(|(alias, _)| *alias == table.value)
        {
            let name = Expr::value(ast::Value::SingleQuotedString(name.clone()));
            *expr = call("regclass", vec![name]);
        }
        ControlFlow::Continue(())
    }
}
