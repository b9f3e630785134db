//! OBJ_DESCRIPTION and its kin: comments. COMMENT is not there yet, so there are none.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["obj_description", "shobj_description", "col_description"],
    forms: &[
        form(&[Argument::Integer], TEXT),
        form(&[Argument::Integer, Argument::Text], TEXT),
        form(&[Argument::Integer, Argument::Integer], TEXT),
    ],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::Null)
}
