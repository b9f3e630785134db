//! HAS_SCHEMA_PRIVILEGE([user,] schema, privilege): users other than the superuser are not there yet, who may do all.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, error, form},
    functions::privilege,
    ids::SchemaId,
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["has_schema_privilege"],
    forms: &[
        form(&[Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Integer, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Integer, Argument::Text], BOOLEAN),
    ],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    privilege::check_words(arguments.last(), &["create", "usage", "alter", "drop"])?;
    if let [user, _, _] = arguments {
        privilege::check_user(context, user)?;
    }
    match arguments.get(arguments.len().saturating_sub(2)) {
        Some(Value::Text(name)) if context.schema_id(&name.to_lowercase()).is_some() => {
            Ok(Value::from(true))
        }
        Some(Value::Text(name)) => {
            let message = format!("schema \"{name}\" does not exist");
            Err(error(SqlState::INVALID_SCHEMA_NAME, message))
        }
        Some(Value::Integer(oid)) => {
            let id = u32::try_from(*oid).ok().map(SchemaId);
            Ok(Value::from(id.and_then(|id| context.schema_name(id)).map(|_| true)))
        }
        _ => Ok(Value::Null),
    }
}
