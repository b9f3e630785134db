//! HAS_DATABASE_PRIVILEGE([user,] database, privilege): users other than the superuser are not there yet, who may do all.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, error, form},
    functions::privilege,
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["has_database_privilege"],
    forms: &[
        form(&[Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Integer, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Integer, Argument::Text], BOOLEAN),
    ],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    privilege::check_words(
        arguments.last(),
        &["create", "temporary", "temp", "connect", "usage", "alter", "drop"],
    )?;
    if let [user, _, _] = arguments {
        privilege::check_user(context, user)?;
    }
    match arguments.get(arguments.len().saturating_sub(2)) {
        Some(Value::Text(name)) if context.catalog.database(&name.to_lowercase()).is_some() => {
            Ok(Value::from(true))
        }
        Some(Value::Text(name)) => {
            let message = format!("database \"{name}\" does not exist");
            Err(error(SqlState::INVALID_CATALOG_NAME, message))
        }
        Some(Value::Integer(oid)) => {
            let mut databases = context.catalog.databases();
            let is_there = databases.any(|database| i64::from(database.id.0) == *oid);
            Ok(if is_there { Value::from(true) } else { Value::Null })
        }
        _ => Ok(Value::Null),
    }
}
