//! `COLLATE pg_catalog.default` goes: psql writes it, DataFusion has no COLLATE, and text is compared
//! by its bytes anyway.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Spanned, VisitorMut};

use super::{Refused, catalog_name, take};

pub(super) struct DefaultCollations;

impl VisitorMut for DefaultCollations {
    type Break = Refused;

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<Refused> {
        while let ast::Expr::Collate { expr: inner, collation } = expr {
            let name = catalog_name(collation);
            if !matches!(name, Some("default" | "c" | "posix" | "case_sensitive")) {
                let message = format!("COLLATE {collation} is not supported");
                let location = Some(collation.span().start);
                let hint = "Compare LOWER(…), or use ILIKE.";
                return ControlFlow::Break(Refused::unsupported(message, hint, location));
            }
            *expr = take(inner);
        }
        ControlFlow::Continue(())
    }
}
