//! PG_GET_EXPR(expression, relation): expressions are kept as text, so it is the text.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_get_expr"],
    forms: &[
        form(&[Argument::Text, Argument::Integer], TEXT),
        form(&[Argument::Text, Argument::Integer, Argument::Boolean], TEXT),
    ],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    Ok(arguments.first().cloned().unwrap_or(Value::Null))
}
