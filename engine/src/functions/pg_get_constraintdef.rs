//! PG_GET_CONSTRAINTDEF(oid): a constraint as CREATE TABLE would have it.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{SystemContext, constraint, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_get_constraintdef"],
    forms: &[form(&[Argument::Integer], TEXT), form(&[Argument::Integer, Argument::Boolean], TEXT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let oid = arguments.first().and_then(Value::integer).unwrap_or_default();
    let numbered = constraint::all(&context.catalog).find(|c| i64::from(c.oid) == oid);
    Ok(Value::from(numbered.map(|numbered| numbered.definition(&context.catalog))))
}
