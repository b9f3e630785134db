//! PG_DATABASE_SIZE(database): bytes of the live runs of all tables.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, BIGINT, Definition, Evaluate, error, form},
    sql::SqlError,
    system::{SystemContext, oids::DATABASE_OID, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_database_size"],
    forms: &[form(&[Argument::Integer], BIGINT), form(&[Argument::Text], BIGINT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let known = match arguments.first() {
        Some(Value::Integer(oid)) => *oid == i64::from(DATABASE_OID),
        Some(Value::Text(name)) => *name == context.database,
        _ => false,
    };
    if !known {
        return Err(error(SqlState::INVALID_CATALOG_NAME, "this database does not exist"));
    }
    Ok(Value::from(context.catalog.tables().map(|table| table.manifest.bytes()).sum::<u64>()))
}
