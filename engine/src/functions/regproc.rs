//! REGPROC(text) and REGPROC(oid): what the cast `::regproc` means. Nobody has made a function yet.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, Definition, Evaluate, OID, TEXT, error, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["regproc"],
    forms: &[form(&[Argument::Text], OID), form(&[Argument::Integer], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    match arguments.first() {
        Some(Value::Text(name)) => {
            let message = format!("function \"{name}\" does not exist");
            Err(error(SqlState::UNDEFINED_FUNCTION, message))
        }
        Some(Value::Integer(0)) => Ok(Value::from("-")),
        Some(Value::Integer(oid)) => Ok(Value::from(oid.to_string())),
        _ => Ok(Value::Null),
    }
}
