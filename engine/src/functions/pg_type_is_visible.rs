//! PG_TYPE_IS_VISIBLE(oid): every type there is lies in `pg_catalog`, which is always searched.

use crate::{
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_type_is_visible", "pg_collation_is_visible"],
    forms: &[form(&[Argument::Integer], BOOLEAN)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(arguments.first().and_then(Value::integer).is_some()))
}
