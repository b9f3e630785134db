//! PG_BACKEND_PID(): the session.

use crate::{
    functions::definition::{Definition, Evaluate, INTEGER, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_backend_pid"],
    forms: &[form(&[], INTEGER)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(context.pid))
}
