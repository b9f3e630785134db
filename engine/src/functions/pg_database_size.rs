//! PG_DATABASE_SIZE(database): bytes of the live runs of all tables.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, BIGINT, Definition, Evaluate, error, form},
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_database_size"],
    forms: &[form(&[Argument::Integer], BIGINT), form(&[Argument::Text], BIGINT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let catalog = &context.catalog;
    let mut databases = catalog.databases();
    let database = match arguments.first() {
        Some(Value::Integer(oid)) => databases.find(|one| i64::from(one.id.0) == *oid),
        Some(Value::Text(name)) => databases.find(|one| one.name == *name),
        _ => None,
    };
    let Some(database) = database else {
        return Err(error(SqlState::INVALID_CATALOG_NAME, "this database does not exist"));
    };
    let tables = catalog.all_tables().filter(|it| catalog.database_of(it.schema) == database.id);
    Ok(Value::from(tables.map(|table| table.manifest.bytes()).sum::<u64>()))
}
