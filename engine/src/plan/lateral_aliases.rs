//! Names of a select list, seen where Redshift sees them and DataFusion does not: in the items after
//! them, and in WHERE.
//!
//! ```text
//!  SELECT a + 1 AS b, b * 2 AS c FROM t WHERE b > 3
//!  SELECT a + 1 AS b, (a + 1) * 2 AS c FROM t WHERE (a + 1) > 3
//! ```
//!
//! A column of FROM with the same name wins. So a query is bound as it stands first; what was no column
//! then is looked up among the names of its select list. A query without such names pays nothing.

use std::ops::ControlFlow;

use datafusion::{
    common::{SchemaError, Span},
    error::DataFusionError,
};
use sqlparser::{
    ast::{Expr, Query, Select, SelectItem, Visit, VisitMut, Visitor, VisitorMut},
    tokenizer::Location,
};

/// How long a query may become: names that stand on names can double it each time.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Returns the query with the name that could not be bound put in place of its expression; `None` if
/// the error is another one.
pub(super) fn replaced(query: &Query, error: &DataFusionError) -> Option<Query> {
    let unbound = Unbound::of(error, None)?;
    let mut replaced = query.clone();
    let mut search = Search { unbound, is_replaced: false };
    let _: ControlFlow<()> = VisitMut::visit(&mut replaced, &mut search);
    (search.is_replaced && replaced.to_string().len() <= TEXT_BYTES_MAX).then_some(replaced)
}

/// A name that is no column, and where it stands.
struct Unbound {
    name: String,
    start: Location,
}

impl Unbound {
    fn of(error: &DataFusionError, span: Option<Span>) -> Option<Self> {
        match error {
            DataFusionError::Diagnostic(diagnostic, inner) => {
                Self::of(inner, diagnostic.span.or(span))
            }
            DataFusionError::Context(_, inner) => Self::of(inner, span),
            // Both sides of a UNION.
            DataFusionError::Collection(errors) => Self::of(errors.first()?, span),
            DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
                SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => {
                    let start = span?.start;
                    let start = Location { line: start.line, column: start.column };
                    Some(Self { name: field.name.clone(), start })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn is(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Identifier(name)
            if name.value == self.name && name.span.start == self.start)
    }
}

/// Looks for the select that the name is in: the innermost comes first.
struct Search {
    unbound: Unbound,
    is_replaced: bool,
}

impl VisitorMut for Search {
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if Visit::visit(select, &mut Finder(&self.unbound)).is_continue() {
            return ControlFlow::Continue(());
        }
        self.is_replaced = replace(select, &self.unbound.name);
        ControlFlow::Break(())
    }
}

struct Finder<'a>(&'a Unbound);

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.0.is(expr) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Puts the expression that a select list names in the place of the name.
fn replace(select: &mut Select, name: &str) -> bool {
    let items = select.projection.iter().enumerate();
    let mut named = items.filter_map(|(position, item)| match item {
        SelectItem::ExprWithAlias { expr, alias } if alias.value == name => {
            Some((position, expr.clone()))
        }
        _ => None,
    });
    let Some((position, expr)) = named.next() else { return false };
    let mut replacement = Replacement { name, expr, depth: 0, count: 0 };
    for item in select.projection.iter_mut().skip(position + 1) {
        let _: ControlFlow<()> = VisitMut::visit(item, &mut replacement);
    }
    let conditions = [&mut select.selection, &mut select.having, &mut select.qualify];
    for condition in conditions.into_iter().flatten() {
        let _: ControlFlow<()> = VisitMut::visit(condition, &mut replacement);
    }
    let _: ControlFlow<()> = VisitMut::visit(&mut select.group_by, &mut replacement);
    replacement.count > 0
}

struct Replacement<'a> {
    name: &'a str,
    expr: Expr,
    /// Subqueries around: names of the list are not seen there.
    depth: usize,
    count: usize,
}

impl VisitorMut for Replacement<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && self.depth == 0
            && ident.value == self.name
        {
            *expr = Expr::Nested(Box::new(self.expr.clone()));
            self.count += 1;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::{ast::SetExpr, dialect::RedshiftSqlDialect, parser::Parser};

    use super::*;

    fn replaced_in(sql: &str, name: &str) -> Option<String> {
        let mut parser = Parser::new(&RedshiftSqlDialect {}).try_with_sql(sql).unwrap();
        let mut query = parser.parse_query().unwrap();
        let SetExpr::Select(select) = query.body.as_mut() else { return None };
        replace(select, name).then(|| query.to_string())
    }

    #[test]
    fn a_name_is_seen_after_it_and_in_conditions() {
        assert_eq!(
            replaced_in("select b, a + 1 as b, b * 2 from t where b > 3", "b").as_deref(),
            Some("SELECT b, a + 1 AS b, (a + 1) * 2 FROM t WHERE (a + 1) > 3")
        );
    }

    #[test]
    fn subqueries_do_not_see_it() {
        assert_eq!(replaced_in("select a as b, (select b from u) from t", "b"), None);
        assert_eq!(replaced_in("select b from t where b = 1", "b"), None);
    }
}
