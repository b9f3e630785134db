//! FORMAT_TYPE(oid, typmod): the name of a type.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{pg_types, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["format_type"],
    forms: &[form(&[Argument::Integer, Argument::Integer], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    let oid = arguments.first().and_then(Value::integer).unwrap_or_default();
    let typmod = arguments.get(1).and_then(Value::integer);
    Ok(Value::from(pg_types::format(oid, typmod)))
}
