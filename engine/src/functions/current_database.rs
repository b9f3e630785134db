//! CURRENT_DATABASE(): the database connected to.

use crate::{
    functions::definition::{Definition, Evaluate, NAME, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["current_database", "current_catalog"],
    forms: &[form(&[], NAME)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(&context.database))
}
