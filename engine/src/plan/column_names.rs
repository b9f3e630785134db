//! What the columns of a query are called, by PostgreSQL's rules (`FigureColname` in its
//! parse_target.c): `count(*)` is "count", `a::int` is "a", `a + 1` is "?column?".
//!
//! DataFusion calls an expression by its own text and refuses two of the same name, so every unnamed
//! expression gets an alias before it is bound; names that are there already get one that no user can
//! write, and [`output_names`] says what the client is shown.

use std::{collections::HashSet, ops::ControlFlow};

use sqlparser::ast::{
    self, DataType, Expr, Ident, Query, SelectItem, SetExpr, VisitMut, VisitorMut,
};

/// The name of an expression that has none.
const UNNAMED: &str = "?column?";

/// Gives every expression of every select list a name of its own.
pub(super) fn name_columns(query: &mut Query) {
    let visited = query.visit(&mut Namer);
    debug_assert!(visited.is_continue(), "the namer never breaks");
}

struct Namer;

impl VisitorMut for Namer {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        name_body(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn name_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::SetOperation { left, right, .. } => {
            name_body(left);
            name_body(right);
        }
        // A query in parentheses was visited as a query of its own.
        _ => {}
    }
}

fn name_items(items: &mut [SelectItem]) {
    let mut taken: HashSet<String> = HashSet::new();
    for (position, item) in items.iter_mut().enumerate() {
        let name = match item {
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            SelectItem::UnnamedExpr(expr) => figure_name(expr).unwrap_or(UNNAMED.to_owned()),
            _ => continue,
        };
        let is_new = taken.insert(name.clone());
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if is_new && is_column {
            continue;
        }
        let alias = if is_new { name } else { format!("{name}:{position}") };
        let alias = Ident::with_quote('"', alias);
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
    }
}

/// Returns the names the client is shown, where the query alone decides them: one per column, or
/// `None` for those of a `*`. `width` is the number of columns the query has in all.
pub fn output_names(query: &Query, width: usize) -> Vec<Option<String>> {
    let mut names = vec![None; width];
    let Some(items) = first_items(&query.body) else { return names };
    let stars: Vec<usize> =
        items.iter().enumerate().filter(|(_, item)| is_star(item)).map(|(at, _)| at).collect();
    // Up to the first `*` places count from the left; after the last one, from the right.
    let (before, after) = match (stars.first(), stars.last()) {
        (Some(first), Some(last)) => (&items[..*first], &items[last + 1..]),
        _ => (items, &items[..0]),
    };
    for (slot, item) in names.iter_mut().zip(before) {
        *slot = item_name(item);
    }
    for (slot, item) in names.iter_mut().rev().zip(after.iter().rev()) {
        *slot = item_name(item);
    }
    names
}

fn first_items(body: &SetExpr) -> Option<&[SelectItem]> {
    match body {
        SetExpr::Select(select) => Some(&select.projection),
        SetExpr::SetOperation { left, .. } => first_items(left),
        SetExpr::Query(query) => first_items(&query.body),
        _ => None,
    }
}

fn is_star(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _))
}

fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expr) => {
            Some(figure_name(expr).unwrap_or_else(|| UNNAMED.to_owned()))
        }
        _ => None,
    }
}

fn figure_name(expr: &Expr) -> Option<String> {
    let fixed = |name: &str| Some(name.to_owned());
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        Expr::Function(function) => function_name(function),
        Expr::Cast { expr, data_type, .. } => {
            figure_name(expr).or_else(|| Some(type_name(data_type)))
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figure_name(inner),
        Expr::Case { else_result, .. } => {
            let from_else = else_result.as_deref().and_then(figure_name);
            from_else.or_else(|| fixed("case"))
        }
        Expr::Subquery(query) => first_items(&query.body)?.first().and_then(item_name),
        Expr::Exists { .. } => fixed("exists"),
        Expr::Extract { .. } => fixed("date_part"),
        Expr::Substring { .. } => fixed("substring"),
        Expr::Trim { .. } => fixed("btrim"),
        Expr::Position { .. } => fixed("position"),
        Expr::Ceil { .. } => fixed("ceil"),
        Expr::Floor { .. } => fixed("floor"),
        Expr::Overlay { .. } => fixed("overlay"),
        Expr::Interval(_) => fixed("interval"),
        Expr::Array(_) => fixed("array"),
        Expr::TypedString(typed) => Some(type_name(&typed.data_type)),
        Expr::AtTimeZone { .. } => fixed("timezone"),
        _ => None,
    }
}

/// A call is called by its function, but for names that Redshift's documentation gives otherwise, and
/// for the casts that `sql::rewrite` has made calls: `a::varchar(3)` is "a".
fn function_name(function: &ast::Function) -> Option<String> {
    let last = function.name.0.last().and_then(|part| part.as_ident())?;
    let name = last.value.to_lowercase();
    let argument = match &function.args {
        ast::FunctionArguments::List(list) => list.args.first(),
        _ => None,
    };
    match (name.as_str(), argument) {
        (
            "varchar" | "bpchar",
            Some(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(Expr::Cast {
                expr, ..
            }))),
        ) => figure_name(expr).or(Some(name)),
        ("dateadd", _) => Some("date_add".to_owned()),
        ("datediff", _) => Some("date_diff".to_owned()),
        ("date_part" | "datepart", _) => Some("pgdate_part".to_owned()),
        ("nvl", _) => Some("coalesce".to_owned()),
        ("approx_distinct", _) => Some("count".to_owned()),
        _ => Some(name),
    }
}

/// PostgreSQL's internal name of a type: what a cast of a literal is called.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) => "int2".to_owned(),
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4".to_owned(),
        DataType::BigInt(_) | DataType::Int8(_) => "int8".to_owned(),
        DataType::Real | DataType::Float4 => "float4".to_owned(),
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float(_) => {
            "float8".to_owned()
        }
        DataType::Decimal(_) | DataType::Numeric(_) | DataType::Dec(_) => "numeric".to_owned(),
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::Nvarchar(_) => {
            "varchar".to_owned()
        }
        DataType::Char(_) | DataType::Character(_) => "bpchar".to_owned(),
        DataType::Boolean | DataType::Bool => "bool".to_owned(),
        DataType::Timestamp(_, ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz) => {
            "timestamptz".to_owned()
        }
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::{dialect::RedshiftSqlDialect, parser::Parser};

    use super::*;

    fn parse(sql: &str) -> Query {
        let mut parser = Parser::new(&RedshiftSqlDialect {}).try_with_sql(sql).unwrap();
        *parser.parse_query().unwrap()
    }

    #[test]
    fn columns_are_called_as_in_postgresql() {
        for (sql, expected) in [
            ("select a, t.b, count(*), a + 1", "a b count ?column?"),
            ("select a::int, '1'::int, cast(1 as varchar(3))", "a int4 varchar"),
            ("select case when a then b else c end, case when a then 1 end", "c case"),
            ("select (select max(x) from u), exists (select 1)", "max exists"),
            ("select extract(year from d), 1 as one, sum(a) over ()", "date_part one sum"),
            ("select count(*) union all select 2", "count"),
        ] {
            let names: Vec<String> = output_names(&parse(sql), expected.split(' ').count())
                .into_iter()
                .map(|name| name.unwrap_or_default())
                .collect();
            assert_eq!(names.join(" "), expected, "{sql}");
        }
    }

    #[test]
    fn stars_keep_their_own_names() {
        let names = output_names(&parse("select 1, t.*, count(*)"), 4);
        assert_eq!(names, [Some("?column?".into()), None, None, Some("count".into())]);
    }

    #[test]
    fn every_name_is_there_once() {
        let mut query = parse("select 1, 2, a, a from (select count(*) from t) x");
        name_columns(&mut query);
        assert_eq!(
            query.to_string(),
            "SELECT 1 AS \"?column?\", 2 AS \"?column?:1\", a, a AS \"a:3\" \
             FROM (SELECT count(*) AS \"count\" FROM t) x"
        );
    }
}
