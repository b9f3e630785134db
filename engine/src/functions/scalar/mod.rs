//! Scalar functions of Redshift's that DataFusion does not have, or has otherwise.
//!
//! ```text
//!  Definition (names, forms) ─▶ ScalarFunction ─▶ ScalarUDF of DataFusion
//!    form = types of arguments, type of the result, compute(&Arguments) -> array
//! ```
//!
//! One file per family, one list each. Invariants:
//!
//! * NULL in, NULL out, unless a form says otherwise.
//! * A form is chosen by types: the first that takes them as they are, else the first that they can be
//!   cast to.

mod arguments;
mod checksum;
mod compare;
mod date;
mod date_part;
mod date_parts;
mod fnv_hash;
mod function;
mod json;
mod number_template;
mod patterns;
mod phonetic;
mod ratio;
mod regexp;
mod template;
mod text;
mod time_zone;
mod to_char;
mod to_date;
mod to_number;

pub(crate) use date::{date_trunc_part, date_trunc_years};
pub(super) use date_part::ExtractByPart;
pub(crate) use date_part::beside_ours;

use datafusion::{error::Result, execution::FunctionRegistry};

use function::{Definition, ScalarFunction};

/// The families, in the order of Redshift's documentation.
const FAMILIES: &[&[Definition]] = &[
    date::FUNCTIONS,
    date_part::FUNCTIONS,
    time_zone::FUNCTIONS,
    json::FUNCTIONS,
    patterns::FUNCTIONS,
    ratio::FUNCTIONS,
    checksum::FUNCTIONS,
    fnv_hash::FUNCTIONS,
    compare::FUNCTIONS,
    phonetic::FUNCTIONS,
    text::FUNCTIONS,
    regexp::FUNCTIONS,
    to_char::FUNCTIONS,
    to_date::FUNCTIONS,
];

/// Registers them.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for definition in FAMILIES.iter().copied().flatten() {
        let _replaced = registry.register_udf(ScalarFunction::udf(definition))?;
    }
    let _replaced = registry.register_udf(to_number::udf())?;
    Ok(())
}
