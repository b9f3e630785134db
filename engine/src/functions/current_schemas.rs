//! CURRENT_SCHEMAS(include_implicit): the schemas that unqualified names are looked up in.

use crate::{
    functions::definition::{Argument, Definition, Evaluate, form},
    sql::SqlError,
    system::{SystemContext, column::ColumnType, value::Value},
    types::SqlType,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["current_schemas"],
    forms: &[form(&[Argument::Boolean], NAMES)],
    evaluate: Evaluate::Session(evaluate),
};

fn evaluate(context: &SystemContext, arguments: &[Value]) -> Result<Value, SqlError> {
    let implicit = arguments.first() == Some(&Value::Boolean(true));
    let named = |name: &&str| {
        implicit || *name != "pg_catalog" || context.search_path.iter().any(|s| s == "pg_catalog")
    };
    Ok(Value::from(context.visible_schemas().into_iter().filter(named).collect::<Vec<_>>()))
}

const NAMES: ColumnType = ColumnType::Array(SqlType::Name);
