//! PG_TABLE_SIZE(relation) and its kin: bytes of its live runs.

use crate::{
    functions::definition::{Argument, BIGINT, Definition, Evaluate, form},
    sql::SqlError,
    system::{
        SystemContext,
        relation::{Relation, by_name, by_oid},
        value::Value,
    },
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_table_size", "pg_relation_size", "pg_total_relation_size"],
    forms: &[form(&[Argument::Integer], BIGINT), form(&[Argument::Text], BIGINT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let relation = match arguments.first() {
        Some(Value::Integer(oid)) => by_oid(context, *oid),
        Some(Value::Text(name)) => Some(by_name(context, name)?),
        _ => None,
    };
    let bytes = |relation: Relation| relation.table().map_or(0, |table| table.manifest.bytes());
    Ok(Value::from(relation.map(bytes)))
}
