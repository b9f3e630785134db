//! PG_LAST_COPY_COUNT(): rows that the last COPY of this session loaded.

use crate::{
    functions::definition::{BIGINT, Definition, Evaluate, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_last_copy_count"],
    forms: &[form(&[], BIGINT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(context.last_copy_count))
}
