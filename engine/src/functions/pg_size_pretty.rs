//! PG_SIZE_PRETTY(bytes): bytes in the unit a person would use.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_size_pretty"],
    forms: &[form(&[Argument::Integer], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    let bytes = arguments.first().and_then(Value::integer).unwrap_or_default();
    let mut size = bytes;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size.abs() < NEXT_UNIT_FROM {
            return Ok(Value::from(format!("{size} {unit}")));
        }
        // Rounds to nearest, as PostgreSQL does.
        size = (size + size.signum() * 512) / 1024;
    }
    Ok(Value::from(format!("{size} TB")))
}

/// Ten of a unit are still written in the unit below.
const NEXT_UNIT_FROM: i64 = 10 * 1024;
