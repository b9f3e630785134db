//! Which table of FROM a qualified column is of, as PostgreSQL finds it (`scanNameSpaceForRefname` and
//! `scanNameSpaceForRelid` in its parse_relation.c): by the table, not by the letters of its name.
//!
//! DataFusion compares the parts that two names both have, and takes `a.t.x` for a column of `t`. So a column gets
//! the very name that its table has in FROM, and where two tables could be meant both get aliases:
//!
//! ```text
//!  SELECT public.t.x FROM t                    SELECT t.x FROM t
//!  SELECT public.t.x, a.t.x FROM t, a.t        SELECT "public:t".x, "a:t".x FROM t AS "public:t", a.t AS "a:t"
//!  SELECT t.x FROM t, a.t                      42P09
//!  SELECT 1 FROM t, public.t                   42712: it is one table
//! ```

use std::{collections::HashSet, ops::ControlFlow, vec};

use sqlparser::ast::{
    self, Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, VisitMut, VisitorMut,
};

use crate::{
    client_error::SqlState,
    plan::catalog_view::{CatalogView, TARGET_SCHEMA, WholeName},
    sql::SqlError,
};

/// Returns the query with the tables of its columns named as they are in FROM.
pub(super) fn resolved(query: &Query, catalog: &CatalogView) -> Result<Query, Box<SqlError>> {
    let mut aliased = HashSet::new();
    loop {
        let mut resolved = query.clone();
        let mut resolver = Resolver::new(catalog, &aliased);
        if let ControlFlow::Break(error) = VisitMut::visit(&mut resolved, &mut resolver) {
            return Err(error);
        }
        // Tables of one name are found on the way, when columns have been resolved already: once more, with aliases.
        let namesakes = resolver.namesakes;
        if namesakes.is_subset(&aliased) {
            return Ok(resolved);
        }
        aliased.extend(namesakes);
    }
}

struct Resolver<'a> {
    catalog: &'a CatalogView,
    /// Names of tables that get an alias, because other tables have them too.
    aliased: &'a HashSet<String>,
    /// Names that two tables have where both are seen.
    namesakes: HashSet<String>,
    /// Names that WITH gives, the innermost last.
    with: Vec<String>,
    queries: Vec<OpenQuery>,
    /// The tables of each FROM around, the innermost last.
    scopes: Vec<Vec<Relation>>,
}

/// A query that is being visited.
struct OpenQuery {
    /// Names of WITH before it.
    with_before: usize,
    /// Those of its own WITH that are not seen yet: a query of WITH sees the ones before it.
    with_to_come: vec::IntoIter<String>,
    /// Whether it is one SELECT: its ORDER BY sees the tables of FROM.
    is_select: bool,
}

/// A table of FROM.
struct Relation {
    /// What columns are qualified with: its alias or the last part of its name.
    name: String,
    /// Which table it is. Under an alias it is not known by that; nor is a subquery or a query of WITH.
    whole: Option<WholeName>,
    /// Whether it is the table that the statement changes.
    is_target: bool,
    /// The name it has in FROM.
    written: Vec<Ident>,
    /// Whether it got that from us.
    is_ours: bool,
}

impl VisitorMut for Resolver<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let with_before = self.with.len();
        let names = query.with.iter().flat_map(|with| &with.cte_tables);
        let names: Vec<String> = names.map(|cte| cte.alias.name.value.clone()).collect();
        let with_to_come = match &query.with {
            Some(with) if with.recursive => {
                self.with.extend(names);
                Vec::new()
            }
            _ => names,
        };
        let is_select = matches!(query.body.as_ref(), SetExpr::Select(_));
        let with_to_come = with_to_come.into_iter();
        self.queries.push(OpenQuery { with_before, with_to_come, is_select });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Self::Break> {
        if let Some(query) = self.queries.pop() {
            self.with.truncate(query.with_before);
            if query.is_select {
                self.scopes.pop();
            }
        }
        // WITH comes before all other queries in a query.
        let around = self.queries.last_mut();
        self.with.extend(around.and_then(|around| around.with_to_come.next()));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        let mut factors = Vec::new();
        select.from.iter_mut().for_each(|table| collect(table, &mut factors));
        let scope: Vec<Relation> =
            factors.into_iter().filter_map(|factor| self.relation(factor)).collect();
        if let Some(name) = twice(&scope) {
            return ControlFlow::Break(twice_in_from(name));
        }
        self.note_namesakes(&scope);
        self.scopes.push(scope);
        let mut names = select.projection.iter_mut().filter_map(qualified_wildcard);
        match names.try_for_each(|name| self.resolve_wildcard(name)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<Self::Break> {
        // Otherwise the ORDER BY of its query comes next.
        if self.queries.last().is_none_or(|query| !query.is_select) {
            self.scopes.pop();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Expr::CompoundIdentifier(parts) = expr else { return ControlFlow::Continue(()) };
        let Some((column, table)) = parts.split_last() else { return ControlFlow::Continue(()) };
        match self.name_in_from(table) {
            Ok(None) => {}
            Ok(Some(table)) => {
                *parts = table.iter().chain([column]).cloned().collect();
            }
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

impl<'a> Resolver<'a> {
    fn new(catalog: &'a CatalogView, aliased: &'a HashSet<String>) -> Self {
        let (namesakes, with) = (HashSet::new(), Vec::new());
        Self { catalog, aliased, namesakes, with, queries: Vec::new(), scopes: Vec::new() }
    }

    /// Returns what a table of FROM is called, once it has the alias that it needs.
    fn relation(&self, factor: &mut TableFactor) -> Option<Relation> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else {
            return Some(Relation::under(alias_of(factor)?));
        };
        let parts = idents(name)?;
        let (last, qualifiers) = parts.split_last()?;
        let is_target = qualifiers.last().is_some_and(|schema| schema.value == TARGET_SCHEMA);
        let whole = || self.catalog.whole_name(&values(&parts));
        if let Some(TableAlias { name: alias, .. }) = alias {
            // The target has its own name as an alias, if the statement gives it no other.
            let whole = if is_target && alias.value == last.value { whole() } else { None };
            return Some(Relation { whole, is_target, ..Relation::under(alias.clone()) });
        }
        if qualifiers.is_empty() && self.with.contains(&last.value) {
            return Some(Relation::under(last.clone()));
        }
        let (name, whole) = (last.value.clone(), whole());
        let is_ours = self.aliased.contains(&name);
        let written = match &whole {
            Some([_, schema, table]) if is_ours => {
                let ours = match qualifiers {
                    [] => format!("{schema}:{table}"),
                    _ => values(&parts).join(":"),
                };
                let ours = Ident::with_quote('"', ours);
                let name = ours.clone();
                *alias = Some(TableAlias { explicit: true, name, columns: vec![], at: None });
                vec![ours]
            }
            _ => parts,
        };
        Some(Relation { name, whole, is_target, written, is_ours })
    }

    /// Notes which tables of a FROM share their name with another one there or in a FROM around.
    fn note_namesakes(&mut self, scope: &[Relation]) {
        for relation in scope {
            let mut seen = self.scopes.iter().flatten().chain(scope);
            if seen.any(|other| other.name == relation.name && other.whole != relation.whole) {
                self.namesakes.insert(relation.name.clone());
            }
        }
    }

    /// Returns the name in FROM of a table that a column is qualified with; `None` if it has that already, or it
    /// is no table.
    fn name_in_from(&self, table: &[Ident]) -> Result<Option<&[Ident]>, Box<SqlError>> {
        let Some(last) = table.last() else { return Ok(None) };
        let scopes = self.scopes.iter().rev();
        if let [table] = table {
            let named = |relation: &&Relation| relation.name == table.value;
            let found = scopes.map(|scope| scope.iter().filter(named).collect::<Vec<_>>());
            return match found.into_iter().find(|found| !found.is_empty()).as_deref() {
                None => Ok(None),
                Some([one]) => Ok(one.is_ours.then_some(&one.written)),
                Some(_) => Err(ambiguous(&table.value)),
            };
        }
        if table[0].value == TARGET_SCHEMA {
            let mut relations = scopes.flatten();
            return Ok(relations.find(|relation| relation.is_target).map(|found| &*found.written));
        }
        let whole = self.catalog.whole_name(&values(table));
        let mut relations = scopes.clone().flatten();
        if let Some(found) = relations.find(|r| whole.is_some() && r.whole == whole) {
            return Ok(Some(&found.written));
        }
        // What looks like a schema may be a table, and the rest a path into its column.
        let is_there = |name: &Ident| scopes.clone().flatten().any(|r| r.name == name.value);
        if is_there(last) && !is_there(&table[0]) {
            return Err(not_in_from(&last.value));
        }
        Ok(None)
    }

    fn resolve_wildcard(&self, name: &mut ObjectName) -> Result<(), Box<SqlError>> {
        let Some(table) = idents(name) else { return Ok(()) };
        if let Some(table) = self.name_in_from(&table)? {
            *name = ObjectName::from(table.to_vec());
        }
        Ok(())
    }
}

impl Relation {
    /// Returns what is known by this name only.
    fn under(name: Ident) -> Self {
        let written = vec![name.clone()];
        Self { name: name.value, whole: None, is_target: false, written, is_ours: false }
    }
}

/// Notes the tables that are joined, in parentheses or not.
fn collect<'a>(table: &'a mut TableWithJoins, factors: &mut Vec<&'a mut TableFactor>) {
    let joined = table.joins.iter_mut().map(|join| &mut join.relation);
    for factor in std::iter::once(&mut table.relation).chain(joined) {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                collect(table_with_joins, factors);
            }
            factor => factors.push(factor),
        }
    }
}

/// Returns the name that two relations of a FROM have; two tables may, without aliases.
fn twice(scope: &[Relation]) -> Option<&str> {
    let may_share =
        |a: &Relation, b: &Relation| a.whole.is_some() && b.whole.is_some() && a.whole != b.whole;
    scope.iter().enumerate().find_map(|(at, relation)| {
        let mut before = scope[..at].iter().filter(|other| other.name == relation.name);
        before.any(|other| !may_share(other, relation)).then_some(relation.name.as_str())
    })
}

fn alias_of(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_ref().map(|alias| alias.name.clone()),
        _ => None,
    }
}

fn qualified_wildcard(item: &mut SelectItem) -> Option<&mut ObjectName> {
    match item {
        SelectItem::QualifiedWildcard(
            ast::SelectItemQualifiedWildcardKind::ObjectName(name),
            _,
        ) => Some(name),
        _ => None,
    }
}

/// Returns the parts of a name, if that is what they are.
fn idents(name: &ObjectName) -> Option<Vec<Ident>> {
    name.0.iter().map(|part| part.as_ident().cloned()).collect()
}

fn values(parts: &[Ident]) -> Vec<&str> {
    parts.iter().map(|part| part.value.as_str()).collect()
}

fn error(sqlstate: SqlState, message: String, hint: &str) -> Box<SqlError> {
    Box::new(SqlError { sqlstate, message, hint: Some(hint.to_owned()), position: None })
}

fn ambiguous(name: &str) -> Box<SqlError> {
    let message = format!("table reference \"{name}\" is ambiguous");
    error(SqlState::AMBIGUOUS_ALIAS, message, "Write its schema, or give the tables aliases.")
}

fn twice_in_from(name: &str) -> Box<SqlError> {
    let message = format!("table name \"{name}\" specified more than once");
    error(SqlState::DUPLICATE_ALIAS, message, "Give each of them an alias.")
}

fn not_in_from(name: &str) -> Box<SqlError> {
    let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
    let hint = "The table of this name in FROM is of another schema, or has an alias.";
    error(SqlState::UNDEFINED_TABLE, message, hint)
}
