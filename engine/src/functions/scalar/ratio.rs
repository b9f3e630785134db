//! RATIO_TO_REPORT: a value's share of a sum, which `sql::rewrite::ratio_to_report` adds as an argument.

use std::sync::Arc;

use datafusion::{
    arrow::{array::ArrayRef, datatypes::Float64Type},
    error::Result,
};

use crate::types::SqlType;

use super::{
    arguments::Arguments,
    function::{Definition, Kind::Double, form},
};

/// The family.
pub(super) const FUNCTIONS: &[Definition] = &[Definition {
    names: &["ratio_to_report"],
    forms: &[form(&[Double, Double], SqlType::DoublePrecision, ratio)],
}];

/// There is no share of nothing: NULL.
fn ratio(a: &Arguments) -> Result<ArrayRef> {
    let ratios = a.primitives::<Float64Type>(|row| {
        let (value, sum) = (a.double(0, row)?, a.double(1, row)?);
        (sum != 0.0).then(|| Ok(value / sum))
    })?;
    Ok(Arc::new(ratios))
}
