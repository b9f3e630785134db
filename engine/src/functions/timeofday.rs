//! TIMEOFDAY(): the day and time at which the call is planned, as text.

use chrono::Utc;

use crate::{
    functions::definition::{Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["timeofday"],
    forms: &[form(&[], TEXT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(_: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::Text(Utc::now().format("%a %b %d %H:%M:%S%.6f %Y UTC").to_string()))
}
