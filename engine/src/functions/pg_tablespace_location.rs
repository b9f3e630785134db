//! PG_TABLESPACE_LOCATION(oid): managed storage has no place in a file system that SQL could use.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_tablespace_location"],
    forms: &[form(&[Argument::Integer], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(""))
}
