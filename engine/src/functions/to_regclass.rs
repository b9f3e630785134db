//! TO_REGCLASS(text): the OID of a relation; NULL where there is none.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, OID, form},
    sql::SqlError,
    system::{SystemContext, relation::by_name, value::Value},
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["to_regclass"],
    forms: &[form(&[Argument::Text], OID)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let name = arguments.first().and_then(Value::text).unwrap_or_default();
    Ok(Value::from(by_name(context, name).ok().map(|relation| relation.id)))
}
