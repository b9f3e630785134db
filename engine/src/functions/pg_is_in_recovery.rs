//! PG_IS_IN_RECOVERY(): never; a leader that answers has recovered.

use crate::{
    functions::definition::{BOOLEAN, Definition, Evaluate, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_is_in_recovery"],
    forms: &[form(&[], BOOLEAN)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(false))
}
