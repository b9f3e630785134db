//! VERSION(): the text that tools recognise Redshift by, then our own name.

use crate::{
    functions::definition::{Definition, Evaluate, TEXT, form},
    sql::SqlError,
    system::value::Value,
};

/// The function.
pub(super) const FUNCTION: Definition = Definition {
    names: &["version"],
    forms: &[form(&[], TEXT)],
    evaluate: Evaluate::Plain(evaluate),
};

fn evaluate(_: &[Value]) -> Result<Value, SqlError> {
    Ok(Value::from(VERSION))
}

/// Redshift's own text first: tools look for `PostgreSQL 8.0.2` and `Redshift 1.0.`.
const VERSION: &str = concat!(
    "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 ",
    "(Red Hat 3.4.2-6.fc3), Redshift 1.0.323213, Blueshift ",
    env!("CARGO_PKG_VERSION"),
);
