//! Redshift's names for functions that DataFusion has under another.

use std::sync::Arc;

use datafusion::{
    error::Result,
    execution::{FunctionRegistry, SessionState},
};

/// DataFusion's name, Redshift's names.
const SCALAR: &[(&str, &[&str])] = &[
    // LISTAGG is an array, joined: `sql::rewrite::listagg` makes the array.
    ("array_to_string", &["listagg"]),
    ("ceil", &["ceiling"]),
    ("character_length", &["len", "textlen"]),
    ("coalesce", &["nvl"]),
    ("exp", &["dexp"]),
    ("ln", &["dlog1"]),
    ("log10", &["dlog10"]),
    ("signum", &["sign"]),
];

/// The same for aggregates.
const AGGREGATE: &[(&str, &[&str])] = &[("var", &["variance"])];

/// Registers the names.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for (name, aliases) in SCALAR {
        if let Some(function) = state.scalar_functions().get(*name) {
            let named = (**function).clone().with_aliases(aliases.iter().copied());
            let _replaced = state.register_udf(Arc::new(named))?;
        }
    }
    for (name, aliases) in AGGREGATE {
        if let Some(function) = state.aggregate_functions().get(*name) {
            let named = (**function).clone().with_aliases(aliases.iter().copied());
            let _replaced = state.register_udaf(Arc::new(named))?;
        }
    }
    Ok(())
}
