//! What a subquery's WHERE says of the query around it.
//!
//! DataFusion joins a correlated subquery by its equalities with the outer query, and by nothing else.
//! The other conditions are said without the outer query:
//!
//! ```text
//!  c.oid = o.coll AND o.coll <> t.coll     ─▶  c.oid = o.coll AND c.oid <> t.coll
//!  d.num = o.num  AND o.has_default        ─▶  d.num = o.num, guarded by o.has_default
//! ```

use std::{collections::HashMap, ops::ControlFlow};

use sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, Select, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

/// Names of the tables in the FROM of a subquery.
pub(super) struct OwnTables(Vec<String>);

impl OwnTables {
    pub(super) fn of(select: &Select) -> Self {
        let joined = |table: &ast::TableWithJoins| {
            let joins = table.joins.iter().map(|join| name_of(&join.relation)).collect::<Vec<_>>();
            std::iter::once(name_of(&table.relation)).chain(joins).flatten().collect::<Vec<_>>()
        };
        Self(select.from.iter().flat_map(joined).collect())
    }

    /// Returns whether a name is one of a table's column, and of which kind of table.
    fn side(&self, expr: &Expr) -> Option<Side> {
        let Expr::CompoundIdentifier(parts) = expr else { return None };
        let [.., table, _] = parts.as_slice() else { return None };
        Some(if self.0.contains(&table.value) { Side::Own } else { Side::Outer })
    }

    /// Returns whether the select names a table that its FROM does not.
    pub(super) fn leave_out_some(&self, select: &Select) -> bool {
        self.sides(&select.selection).outer || self.sides(&select.projection).outer
    }

    fn sides(&self, node: &impl Visit) -> Sides {
        let mut finder = SideFinder { tables: self, found: Sides::default() };
        let _: ControlFlow<()> = node.visit(&mut finder);
        finder.found
    }
}

fn name_of(table: &TableFactor) -> Option<String> {
    match table {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(alias.name.value.clone()),
            None => name.0.last().and_then(|part| part.as_ident()).map(|i| i.value.clone()),
        },
        TableFactor::Derived { alias, .. } => alias.as_ref().map(|a| a.name.value.clone()),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Own,
    Outer,
}

/// Which tables an expression names.
#[derive(Default)]
struct Sides {
    /// A name that is not qualified counts as the subquery's own, as SQL resolves it.
    own: bool,
    outer: bool,
}

struct SideFinder<'a> {
    tables: &'a OwnTables,
    found: Sides,
}

impl Visitor for SideFinder<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match self.tables.side(expr) {
            Some(Side::Outer) => self.found.outer = true,
            Some(Side::Own) => self.found.own = true,
            None => self.found.own |= matches!(expr, Expr::Identifier(_)),
        }
        ControlFlow::Continue(())
    }
}

/// Takes from the WHERE of a correlated subquery what DataFusion cannot join by. Returns the conditions
/// that concern the outer query alone: where they are not true the subquery has no row.
pub(super) fn separate(select: &mut Select, tables: &OwnTables) -> Option<Expr> {
    let selection = select.selection.take()?;
    let mut conjuncts = Vec::new();
    split(selection, &mut conjuncts);
    let equal: HashMap<Vec<Ident>, Expr> =
        conjuncts.iter().filter_map(|conjunct| equality(conjunct, tables)).collect();

    let mut substitution = Substitution { equal: &equal };
    let _: ControlFlow<()> = VisitMut::visit(&mut select.projection, &mut substitution);
    let mut kept = Vec::new();
    let mut guards = Vec::new();
    for mut conjunct in conjuncts {
        if equality(&conjunct, tables).is_some() {
            kept.push(conjunct);
            continue;
        }
        let sides = tables.sides(&conjunct);
        if sides.outer && !sides.own {
            guards.push(conjunct);
        } else {
            let _: ControlFlow<()> = VisitMut::visit(&mut conjunct, &mut substitution);
            kept.push(conjunct);
        }
    }
    select.selection = all_of(kept);
    all_of(guards)
}

fn split(expr: Expr, conjuncts: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            split(*left, conjuncts);
            split(*right, conjuncts);
        }
        Expr::Nested(inner) if matches!(*inner, Expr::BinaryOp { op: BinaryOperator::And, .. }) => {
            split(*inner, conjuncts);
        }
        other => conjuncts.push(other),
    }
}

fn all_of(conjuncts: Vec<Expr>) -> Option<Expr> {
    conjuncts.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    })
}

/// Returns the outer column of `own = outer`, and the subquery's column that it is equal to.
fn equality(expr: &Expr, tables: &OwnTables) -> Option<(Vec<Ident>, Expr)> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr else { return None };
    let (own, outer) = match (tables.side(left)?, tables.side(right)?) {
        (Side::Own, Side::Outer) => (left, right),
        (Side::Outer, Side::Own) => (right, left),
        _ => return None,
    };
    let Expr::CompoundIdentifier(outer) = outer.as_ref() else { return None };
    Some((outer.clone(), own.as_ref().clone()))
}

struct Substitution<'a> {
    equal: &'a HashMap<Vec<Ident>, Expr>,
}

impl VisitorMut for Substitution<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some(own) = self.equal.get(parts)
        {
            *expr = own.clone();
        }
        ControlFlow::Continue(())
    }
}
