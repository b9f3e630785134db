//! REGTYPE(text) and REGTYPE(oid): what the cast `::regtype` means, a name made an OID and an OID made a name.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, Definition, Evaluate, OID, TEXT, error, form},
    sql::SqlError,
    system::{pg_types, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["regtype"],
    forms: &[form(&[Argument::Text], OID), form(&[Argument::Integer], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(arguments: &[Value]) -> Result<Value, SqlError> {
    match arguments.first() {
        Some(Value::Text(name)) => {
            let folded = name.trim().to_lowercase();
            let bare = folded.strip_prefix("pg_catalog.").unwrap_or(&folded);
            if let Some(pg_type) = pg_types::by_name(bare) {
                return Ok(Value::from(pg_type.oid));
            }
            name.parse::<i64>().map(Value::from).map_err(|_| {
                error(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
            })
        }
        Some(Value::Integer(oid)) => Ok(Value::from(pg_types::format(*oid, None))),
        _ => Ok(Value::Null),
    }
}
