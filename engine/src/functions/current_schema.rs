//! CURRENT_SCHEMA(): where CREATE puts things.

use crate::{
    functions::definition::{Definition, Evaluate, NAME, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["current_schema"],
    forms: &[form(&[], NAME)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(context.current_schema()))
}
