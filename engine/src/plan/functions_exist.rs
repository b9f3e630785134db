//! Every function a query calls is there: said here, with the place, because DataFusion's own error
//! has neither a code nor (always) a position.

use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use sqlparser::ast::{self, Visit, Visitor};

use crate::client_error::SqlState;
use crate::sql::SqlError;

/// Fails with 42883 at the first call of a function nobody has registered.
pub(super) fn check(query: &ast::Query, state: &SessionState) -> Result<(), SqlError> {
    match query.visit(&mut Calls { state }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Calls<'a> {
    state: &'a SessionState,
}

/// Calls that DataFusion plans by name without registering them.
const PLANNED_BY_NAME: &[&str] = &["grouping", "exists"];

/// Functions of several rows: in a select list they would be one array.
const ROWS: &[&str] = &["generate_series", "range"];

impl Visitor for Calls<'_> {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<SqlError> {
        let ast::Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let Some(name) = function.name.0.last().and_then(|part| part.as_ident()) else {
            return ControlFlow::Continue(());
        };
        let name = name.value.to_lowercase();
        // DataFusion has them as arrays; Redshift as rows, on the leader node.
        let is_rows = ROWS.contains(&name.as_str());
        let known = !is_rows && self.state.scalar_functions().contains_key(&name)
            || self.state.aggregate_functions().contains_key(&name)
            || self.state.window_functions().contains_key(&name)
            || self.state.higher_order_functions().contains_key(&name)
            || PLANNED_BY_NAME.contains(&name.as_str());
        if known {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(SqlError {
            sqlstate: SqlState::UNDEFINED_FUNCTION,
            message: format!("function {name} does not exist"),
            hint: Some("Blueshift does not have this function yet.".to_owned()),
            position: None,
        })
    }
}
