//! FORMAT_ENCODING(number): the name of a column encoding.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{encoding, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["format_encoding"],
    forms: &[form(&[Argument::Integer], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    let number = arguments.first().and_then(Value::integer);
    Ok(Value::from(number.and_then(encoding::name)))
}
