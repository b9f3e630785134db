//! SYSDATE: when the transaction started.

use crate::{
    functions::definition::{Definition, Evaluate, form},
    sql::SqlError,
    system::{SystemContext, column::ColumnType, value::Value},
    types::SqlType,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["sysdate"],
    forms: &[form(&[], TIMESTAMP)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, _: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(context.transaction_started_us))
}

const TIMESTAMP: ColumnType = ColumnType::One(SqlType::Timestamp);
