//! HAS_COLUMN_PRIVILEGE([user,] table, column, privilege): users other than the superuser are not there yet, who may do all.

use crate::{
    client_error::SqlState,
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, error, form},
    functions::privilege,
    sql::SqlError,
    system::{
        SystemContext,
        relation::{by_name, by_oid},
        value::Value,
    },
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["has_column_privilege"],
    forms: &[
        form(&[Argument::Text, Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Integer, Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Integer, Argument::Integer, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Integer, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Text, Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Integer, Argument::Text, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Integer, Argument::Integer, Argument::Text], BOOLEAN),
        form(&[Argument::Text, Argument::Text, Argument::Integer, Argument::Text], BOOLEAN),
    ],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    privilege::check_words(arguments.last(), &["select", "insert", "update", "references"])?;
    if let [user, _, _, _] = arguments {
        privilege::check_user(context, user)?;
    }
    let from_end = |place: usize| arguments.get(arguments.len().saturating_sub(place));
    let relation = match from_end(3) {
        Some(Value::Text(name)) => by_name(context, name)?,
        Some(Value::Integer(oid)) => match by_oid(context, *oid) {
            Some(relation) => relation,
            None => return Ok(Value::Null),
        },
        _ => return Ok(Value::Null),
    };
    let columns = relation.columns();
    match from_end(2) {
        Some(Value::Text(name)) if columns.iter().any(|c| c.name == name) => Ok(Value::from(true)),
        Some(Value::Text(name)) => {
            let table = &relation.name;
            let message = format!("column \"{name}\" of relation \"{table}\" does not exist");
            Err(error(SqlState::UNDEFINED_COLUMN, message))
        }
        Some(Value::Integer(number)) => {
            let found = columns.iter().any(|c| i64::from(c.number.0) == *number);
            Ok(Value::from(found.then_some(true)))
        }
        _ => Ok(Value::Null),
    }
}
