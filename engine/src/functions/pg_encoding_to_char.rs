//! PG_ENCODING_TO_CHAR(number): the name of a character encoding.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, NAME, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_encoding_to_char"],
    forms: &[form(&[Argument::Integer], NAME)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(match arguments.first().and_then(Value::integer) {
        Some(0) => "SQL_ASCII",
        Some(6) => "UTF8",
        Some(8) => "LATIN1",
        _ => "",
    }))
}
