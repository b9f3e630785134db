//! PG_LAST_COPY_ID(): the last COPY of this session; -1 for none.

use crate::{
    functions::definition::{Definition, Evaluate, INTEGER, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_last_copy_id"],
    forms: &[form(&[], INTEGER)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(context.last_copy_id.map_or(Value::Integer(-1), Value::from))
}
