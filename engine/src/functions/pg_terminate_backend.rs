//! PG_TERMINATE_BACKEND(pid): a session ends, its work undone and its locks released; 1 if there was one, else 0.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, INTEGER, form, session_pid},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_terminate_backend"],
    forms: &[form(&[Argument::Integer], INTEGER)],
    evaluate: Evaluate::Action(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let done = session_pid(arguments).is_some_and(|pid| context.control.terminate(pid));
    Ok(Value::from(i32::from(done)))
}
