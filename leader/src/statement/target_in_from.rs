//! An UPDATE that names its target in FROM under an alias and mentions it by that alias only: as Redshift
//! documents it ("Updating a table based on the result of a join condition"), the alias is the target.
//!
//! ```sql
//! update category set catid = 100
//! from event join category cat on event.catid = cat.catid
//! where cat.catgroup = 'Concerts'
//! ```
//!
//! With an outer join Redshift refuses it. An UPDATE that mentions the target by its own name as well is
//! a self-join.

use std::ops::ControlFlow;

use engine::{client_error::SqlState, sql::Update};
use sqlparser::ast::{self, Visit, Visitor};

use crate::{error::Error, statement::target::Target};

/// Returns what FROM calls the target, if that is the target.
pub(super) fn alias_of_target(
    target: &Target,
    update: &Update,
) -> Result<Option<ast::Ident>, Error> {
    let clause = &update.target;
    let ast::SetExpr::Select(select) = clause.source.body.as_ref() else { return Ok(None) };
    let ctes = clause.source.with.iter().flat_map(|with| &with.cte_tables);
    let mut ctes = ctes.map(|cte| &cte.alias.name.value);
    if clause.alias.is_some() || ctes.any(|cte| *cte == target.table.name) {
        return Ok(None);
    }
    let mut found = None;
    for table in &select.from {
        let joined = table.joins.iter().map(|join| &join.relation);
        for relation in std::iter::once(&table.relation).chain(joined) {
            let Some(alias) = alias_of(relation, target) else { continue };
            if found.is_some() {
                // Two of them: which is the target, nobody can say.
                return Ok(None);
            }
            found = Some((alias, table.joins.iter().all(is_inner)));
        }
    }
    let Some((alias, is_inner)) = found else { return Ok(None) };
    let mut mentions = Mentions { target };
    let mut values = update.assignments.iter().filter_map(|assignment| assignment.value.as_ref());
    let is_mentioned = clause.source.visit(&mut mentions).is_break()
        || values.any(|value| value.visit(&mut mentions).is_break());
    if is_mentioned && alias.value != target.table.name {
        return Ok(None);
    }
    if !is_inner {
        let message = "Target table must be part of an equijoin predicate";
        return Err(Error::Statement {
            sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
            message: message.to_owned(),
            hint: Some("Move the outer join into a subquery of FROM.".to_owned()),
        });
    }
    Ok(Some(alias))
}

/// Puts a relation in the place of the target in FROM.
pub(super) fn replace_target(
    select: &mut ast::Select,
    target: &Target,
    relation: &ast::TableFactor,
) {
    for table in &mut select.from {
        let joined = table.joins.iter_mut().map(|join| &mut join.relation);
        for known in std::iter::once(&mut table.relation).chain(joined) {
            if alias_of(known, target).is_some() {
                *known = relation.clone();
            }
        }
    }
}

/// Returns what a table of FROM is called, if it is the target.
pub(super) fn alias_of(relation: &ast::TableFactor, target: &Target) -> Option<ast::Ident> {
    let ast::TableFactor::Table { name, alias, .. } = relation else { return None };
    let parts = name.0.iter().map(|part| part.as_ident().cloned());
    let parts = parts.collect::<Option<Vec<_>>>().filter(|parts| target.is(parts))?;
    match alias {
        Some(alias) => Some(alias.name.clone()),
        None => parts.into_iter().next_back(),
    }
}

fn is_inner(join: &ast::Join) -> bool {
    use ast::JoinOperator::{CrossJoin, Inner, Join};
    matches!(join.join_operator, Join(_) | Inner(_) | CrossJoin(_))
}

/// Finds a column that is said to be the target's.
struct Mentions<'a> {
    target: &'a Target,
}

impl Visitor for Mentions<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
        let ast::Expr::CompoundIdentifier(parts) = expr else { return ControlFlow::Continue(()) };
        let is_mentioned = match parts.as_slice() {
            [table, _] => table.value == self.target.table.name,
            [table @ .., _] => self.target.is(table),
            [] => false,
        };
        if is_mentioned { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
