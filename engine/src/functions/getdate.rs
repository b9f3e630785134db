//! GETDATE(): when the statement started, in whole seconds.

use crate::{
    functions::definition::{Definition, Evaluate, form},
    sql::SqlError,
    system::{SystemContext, column::ColumnType, value::Value},
    types::SqlType,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["getdate"],
    forms: &[form(&[], TIMESTAMP)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    let micros = context.query_started_us;
    Ok(Value::from(micros - micros.rem_euclid(1_000_000)))
}

const TIMESTAMP: ColumnType = ColumnType::One(SqlType::Timestamp);
