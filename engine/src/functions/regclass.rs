//! REGCLASS(text) and REGCLASS(oid): what the cast `::regclass` means, a name made an OID and an OID made a name.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, OID, TEXT, form},
    sql::SqlError,
    system::{
        SystemContext, identifier,
        relation::{Relation, by_name, by_oid, by_path},
        value::Value,
    },
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["regclass"],
    forms: &[form(&[Argument::Text], OID), form(&[Argument::Integer], TEXT)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    match arguments.first() {
        Some(Value::Text(name)) => match name.parse::<i64>() {
            Ok(oid) => Ok(Value::from(oid)),
            Err(_) => by_name(context, name).map(|relation| Value::from(relation.id)),
        },
        Some(Value::Integer(0)) => Ok(Value::from("-")),
        Some(Value::Integer(oid)) => Ok(Value::from(match by_oid(context, *oid) {
            Some(relation) => shown(context, &relation),
            None => oid.to_string(),
        })),
        _ => Ok(Value::Null),
    }
}

/// A name that the search path finds is shown without its schema.
fn shown(context: &SystemContext, relation: &Relation) -> String {
    let name = identifier::quote(&relation.name);
    let visible = by_path(context, &relation.name).is_some_and(|found| found.id == relation.id);
    if visible { name } else { format!("{}.{name}", identifier::quote(&relation.schema_name)) }
}
