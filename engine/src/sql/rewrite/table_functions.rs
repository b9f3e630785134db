//! `pg_get_late_binding_view_cols()` in FROM is a table of `pg_catalog`: its columns are known, so the
//! types that clients write behind its alias say nothing new. A function of one value, such as
//! `current_database()`, is a table of one row there.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, call, catalog_name};
use crate::sql::{target::select, values_query};

/// The functions, by the names of the tables.
const FUNCTIONS: &[&str] = &["pg_get_late_binding_view_cols"];

/// Functions of one value, by their names.
const OF_ONE_VALUE: &[&str] =
    &["current_database", "current_schema", "current_user", "getdate", "pg_backend_pid", "version"];

pub(super) struct FunctionsAreTables;

impl VisitorMut for FunctionsAreTables {
    type Break = Refused;

    fn pre_visit_table_factor(&mut self, table: &mut ast::TableFactor) -> ControlFlow<Refused> {
        if let ast::TableFactor::Table { name, alias, args, .. } = table
            && args.as_ref().is_some_and(|arguments| arguments.args.is_empty())
            && let Some(function) = catalog_name(name)
            && let Some(function) = FUNCTIONS.iter().find(|known| **known == function)
        {
            *name = ast::ObjectName::from(vec![
                ast::Ident::new("pg_catalog"),
                ast::Ident::new(*function),
            ]);
            *args = None;
            for column in alias.iter_mut().flat_map(|alias| &mut alias.columns) {
                column.data_type = None;
            }
        }
        if let Some(one_row) = of_one_value(table) {
            *table = one_row;
        }
        ControlFlow::Continue(())
    }
}

/// Returns `(SELECT f() AS f) f`.
fn of_one_value(table: &ast::TableFactor) -> Option<ast::TableFactor> {
    let ast::TableFactor::Table { name, alias, args: Some(args), .. } = table else { return None };
    let function = catalog_name(name).filter(|_| args.args.is_empty())?;
    let function = OF_ONE_VALUE.iter().find(|known| **known == function)?;
    let alias = alias.clone().unwrap_or_else(|| ast::TableAlias {
        explicit: false,
        name: ast::Ident::new(*function),
        columns: Vec::new(),
        at: None,
    });
    // PostgreSQL calls the column as the table.
    let column = alias.name.clone();
    let value = ast::SelectItem::ExprWithAlias { expr: call(function, Vec::new()), alias: column };
    let mut subquery = values_query(Vec::new());
    subquery.body = Box::new(ast::SetExpr::Select(Box::new(select(vec![value], Vec::new(), None))));
    Some(ast::TableFactor::Derived {
        lateral: false,
        subquery: Box::new(subquery),
        alias: Some(alias),
        sample: None,
    })
}
