//! CURRENT_USER_ID: the number of who asks.

use crate::{
    catalog::SUPERUSER,
    functions::definition::{Definition, Evaluate, INTEGER, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["current_user_id"],
    forms: &[form(&[], INTEGER)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(SUPERUSER))
}
