//! PG_GET_VIEWDEF(view): the query of a view, as it was written.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::{
        SystemContext,
        relation::{Origin, by_name, by_oid},
        value::Value,
    },
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["pg_get_viewdef"],
    forms: &[
        form(&[Argument::Integer], TEXT),
        form(&[Argument::Text], TEXT),
        form(&[Argument::Integer, Argument::Boolean], TEXT),
        form(&[Argument::Text, Argument::Boolean], TEXT),
        form(&[Argument::Integer, Argument::Integer], TEXT),
    ],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let relation = match arguments.first() {
        Some(Value::Integer(oid)) => by_oid(context, *oid),
        Some(Value::Text(name)) => Some(by_name(context, name)?),
        _ => None,
    };
    Ok(match relation.map(|relation| relation.origin) {
        Some(Origin::View(view)) => Value::from(&view.definition),
        Some(_) => Value::from("Not a view"),
        None => Value::Null,
    })
}
