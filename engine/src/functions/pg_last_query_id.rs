//! PG_LAST_QUERY_ID(): the last statement this session finished; -1 for none.

use crate::{
    functions::definition::{Definition, Evaluate, INTEGER, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_last_query_id"],
    forms: &[form(&[], INTEGER)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(context.events.last_query_of(context.pid).map_or(Value::Integer(-1), Value::from))
}
