//! Functions of DataFusion that clients call as `pg_catalog.f`: DataFusion looks a qualified name up
//! as one word with a point in it.

use std::sync::Arc;

use datafusion::{
    error::Result,
    execution::{FunctionRegistry, SessionState},
};

/// Pairs every name with its qualified form.
macro_rules! qualified {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, concat!("pg_catalog.", $name))),+]
    };
}

/// The scalar functions that psql and drivers qualify.
const SCALAR: &[(&str, &str)] = qualified![
    "abs",
    "array_length",
    "array_to_string",
    "ascii",
    "btrim",
    "concat",
    "concat_ws",
    "date_part",
    "date_trunc",
    "length",
    "lower",
    "ltrim",
    "md5",
    "now",
    "nullif",
    "octet_length",
    "regexp_replace",
    "repeat",
    "replace",
    "round",
    "rtrim",
    "split_part",
    "strpos",
    "substr",
    "substring",
    "to_char",
    "translate",
    "upper"
];

/// The aggregates that they qualify.
const AGGREGATE: &[(&str, &str)] =
    qualified!["array_agg", "avg", "count", "max", "min", "string_agg", "sum"];

/// Registers them under the qualified name too.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for (name, qualified) in SCALAR {
        let Ok(function) = state.udf(name) else { continue };
        let function = function.as_ref().clone().with_aliases([*qualified]);
        let _replaced = state.register_udf(Arc::new(function))?;
    }
    for (name, qualified) in AGGREGATE {
        let Ok(function) = state.udaf(name) else { continue };
        let function = function.as_ref().clone().with_aliases([*qualified]);
        let _replaced = state.register_udaf(Arc::new(function))?;
    }
    Ok(())
}
