//! PG_FUNCTION_IS_VISIBLE(oid) and its kin: nobody has made such an object, so none is found.

use crate::{
    functions::definition::{Argument, BOOLEAN, Definition, Evaluate, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &[
        "pg_function_is_visible",
        "pg_operator_is_visible",
        "pg_opclass_is_visible",
        "pg_opfamily_is_visible",
        "pg_conversion_is_visible",
        "pg_statistics_obj_is_visible",
    ],
    forms: &[form(&[Argument::Integer], BOOLEAN)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::Null)
}
