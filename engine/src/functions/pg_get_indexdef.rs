//! PG_GET_INDEXDEF(oid [, column, pretty]): the index that a key would have, as CREATE INDEX would have it.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{SystemContext, constraint, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_get_indexdef"],
    forms: &[
        form(&[Argument::Integer], TEXT),
        form(&[Argument::Integer, Argument::Boolean], TEXT),
        form(&[Argument::Integer, Argument::Integer, Argument::Boolean], TEXT),
    ],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let oid = arguments.first().and_then(Value::integer).unwrap_or_default();
    let column = arguments.get(1).and_then(Value::integer).unwrap_or_default();
    let mut keys = constraint::all(&context.catalog);
    let key = keys.find(|key| key.index_oid().is_some_and(|index| i64::from(index) == oid));
    let definition = key.and_then(|key| {
        let schema = context.schema_name(key.table.schema)?;
        key.index_definition(schema, usize::try_from(column).ok()?)
    });
    Ok(Value::from(definition))
}
