//! GETDATE(): when the statement started.

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
    Ok(Value::from(context.query_started_us))
}

const TIMESTAMP: ColumnType = ColumnType::One(SqlType::Timestamp);
