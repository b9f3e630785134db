//! CURRENT_SETTING(name [, missing_ok]): a session parameter.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, Definition, Evaluate, TEXT, error, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["current_setting"],
    forms: &[form(&[Argument::Text], TEXT), form(&[Argument::Text, Argument::Boolean], TEXT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let name = arguments.first().and_then(Value::text).unwrap_or_default().to_lowercase();
    let found = context.parameters.iter().find(|(parameter, _)| *parameter == name);
    match found {
        Some((_, value)) => Ok(Value::from(value)),
        None if arguments.get(1) == Some(&Value::Boolean(true)) => Ok(Value::Null),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(error(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}
