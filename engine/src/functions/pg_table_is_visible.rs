//! PG_TABLE_IS_VISIBLE(oid): whether a relation is found without its schema.

use crate::{
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, form},
    sql::SqlError,
    system::{
        SystemContext,
        relation::{by_oid, by_path},
        value::Value,
    },
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_table_is_visible"],
    forms: &[form(&[Argument::Integer], BOOLEAN)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let relation = arguments.first().and_then(Value::integer).and_then(|oid| by_oid(context, oid));
    let Some(relation) = relation else { return Ok(Value::Null) };
    let found = by_path(context, &relation.name);
    Ok(Value::from(found.is_some_and(|found| found.id == relation.id)))
}
