//! QUOTE_IDENT(text): an identifier as SQL text.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{identifier, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["quote_ident"],
    forms: &[form(&[Argument::Text], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(arguments.first().and_then(Value::text).map(identifier::quote)))
}
