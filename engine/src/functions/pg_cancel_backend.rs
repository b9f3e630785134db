//! PG_CANCEL_BACKEND(pid): the statement of a session ends, as by CANCEL; 1 if there is such a session, else 0.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, INTEGER, form, session_pid},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_cancel_backend"],
    forms: &[form(&[Argument::Integer], INTEGER)],
    evaluate: Evaluate::Action(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let done =
        session_pid(arguments).is_some_and(|pid| context.control.cancel_statement(pid, None));
    Ok(Value::from(i32::from(done)))
}
