//! HAS_TABLE_PRIVILEGE([user,] table, privilege): users other than the superuser are not there yet, who may do all.

use crate::{
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, form},
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
    names: &["has_table_privilege", "has_any_column_privilege"],
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
        &[
            "select",
            "insert",
            "update",
            "delete",
            "references",
            "drop",
            "truncate",
            "rule",
            "trigger",
            "alter",
        ],
    )?;
    if let [user, _, _] = arguments {
        privilege::check_user(context, user)?;
    }
    match arguments.get(arguments.len().saturating_sub(2)) {
        Some(Value::Text(name)) => by_name(context, name).map(|_| Value::from(true)),
        Some(Value::Integer(oid)) => Ok(Value::from(by_oid(context, *oid).map(|_| true))),
        _ => Ok(Value::Null),
    }
}
