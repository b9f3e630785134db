//! `+`, `-` and `*` of SMALLINT, INTEGER and BIGINT.

use datafusion::arrow::{
    array::{ArrayRef, Datum},
    compute::kernels::numeric,
    datatypes::DataType,
    error::ArrowError,
};

use crate::client_error::SqlState;

use super::{Operation, division_by_zero, failure};

/// Computes with Arrow's checked kernels; both sides have the type of the result.
pub(super) fn compute(
    operation: Operation,
    left: &dyn Datum,
    right: &dyn Datum,
    result: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let computed = match operation {
        Operation::Add => numeric::add(left, right),
        Operation::Subtract => numeric::sub(left, right),
        Operation::Multiply => numeric::mul(left, right),
        Operation::Divide => numeric::div(left, right),
    };
    computed.map_err(|error| match error {
        ArrowError::ArithmeticOverflow(_) => {
            failure(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, out_of_range(result))
        }
        ArrowError::DivideByZero => division_by_zero(),
        other => other,
    })
}

/// The text of Redshift's documentation ("Examples with numeric types").
pub(crate) fn out_of_range(result: &DataType) -> &'static str {
    match result {
        DataType::Int16 => "smallint out of range",
        DataType::Int32 => "integer out of range",
        _ => "bigint out of range",
    }
}
