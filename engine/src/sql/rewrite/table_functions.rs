//! `pg_get_late_binding_view_cols()` in FROM is a table of `pg_catalog`: its columns are known, so the
//! types that clients write behind its alias say nothing new.

use std::ops::ControlFlow;

use sqlparser::ast::{self, VisitorMut};

use super::{Refused, catalog_name};

/// The functions, by the names of the tables.
const FUNCTIONS: &[&str] = &["pg_get_late_binding_view_cols"];

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
        ControlFlow::Continue(())
    }
}
