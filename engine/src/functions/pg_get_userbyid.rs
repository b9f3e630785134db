//! PG_GET_USERBYID(id): the name of a user.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, NAME, form},
    ids::UserId,
    sql::SqlError,
    system::{SystemContext, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_get_userbyid"],
    forms: &[form(&[Argument::Integer], NAME)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let id = arguments.first().and_then(Value::integer).unwrap_or_default();
    let name = u32::try_from(id).ok().and_then(|id| context.user_name(UserId(id)));
    Ok(Value::from(name.map_or_else(|| format!("unknown (OID={id})"), str::to_owned)))
}
