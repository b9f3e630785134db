//! SET_CONFIG: refused. A function that changes its session has no place in a plan; the leader does the
//! calls that stand alone before there is one.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["set_config"],
    forms: &[form(&[Argument::Text, Argument::Text, Argument::Boolean], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Err(SqlError {
        sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
        message: "set_config() within a query of tables is not supported".to_owned(),
        hint: Some("Use SET name TO value.".to_owned()),
        position: None,
    })
}
