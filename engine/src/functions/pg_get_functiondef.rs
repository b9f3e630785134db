//! PG_GET_FUNCTIONDEF and its kin: the text of an object that Redshift does not have or nobody has made, so NULL.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &[
        "pg_get_partkeydef",
        "pg_get_triggerdef",
        "pg_get_ruledef",
        "pg_get_functiondef",
        "pg_get_function_result",
        "pg_get_function_arguments",
        "pg_get_function_identity_arguments",
        "pg_get_statisticsobjdef_columns",
    ],
    forms: &[form(&[Argument::Integer], TEXT), form(&[Argument::Integer, Argument::Boolean], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::Null)
}
