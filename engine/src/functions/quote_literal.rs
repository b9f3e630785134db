//! QUOTE_LITERAL(text): a string literal as SQL text.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["quote_literal"],
    forms: &[form(&[Argument::Text], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    let quoted = arguments
        .first()
        .and_then(Value::text)
        .map(|text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")));
    Ok(Value::from(quoted))
}
