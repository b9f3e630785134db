//! Quotients of floats, which fail for zero, and of a sum by a count, which is what AVG is.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Datum, PrimitiveArray},
        compute::{cast, kernels::numeric, try_binary},
        datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type},
        error::ArrowError,
    },
    common::plan_err,
    error::Result,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};

use crate::{
    client_error::SqlState, functions::definition::error, sql::SqlError,
    types::DECIMAL_PRECISION_MAX,
};

use super::{Operation, division_by_zero};

/// Computes with floats: what finite numbers make must be finite.
pub(super) fn of_floats(
    operation: Operation,
    left: &dyn Datum,
    right: &dyn Datum,
) -> Result<ArrayRef, ArrowError> {
    let computed = match operation {
        Operation::Add => numeric::add(left, right),
        Operation::Subtract => numeric::sub(left, right),
        Operation::Multiply => numeric::mul(left, right),
        Operation::Divide => {
            if has_zero(right) {
                return Err(division_by_zero());
            }
            numeric::div(left, right)
        }
    }?;
    let was_infinite = || has_infinity(left.get().0) || has_infinity(right.get().0);
    if has_infinity(&computed) && !was_infinite() {
        return Err(ArrowError::ExternalError(Box::new(overflow())));
    }
    Ok(computed)
}

/// Returns the error of a float that is too large.
pub(crate) fn overflow() -> SqlError {
    error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

/// Returns whether a float is infinite.
pub(crate) fn has_infinity(values: &dyn Array) -> bool {
    let is_valid = |row: usize| values.is_valid(row);
    let doubles = values.as_primitive_opt::<Float64Type>().is_some_and(|array| {
        let mut all = array.values().iter().enumerate();
        all.any(|(row, value)| value.is_infinite() && is_valid(row))
    });
    let reals = || {
        values.as_primitive_opt::<Float32Type>().is_some_and(|array| {
            let mut all = array.values().iter().enumerate();
            all.any(|(row, value)| value.is_infinite() && is_valid(row))
        })
    };
    doubles || reals()
}

fn has_zero(divisor: &dyn Datum) -> bool {
    let array = divisor.get().0;
    let doubles = array.as_primitive_opt::<Float64Type>();
    let reals = array.as_primitive_opt::<Float32Type>();
    doubles.is_some_and(|array| array.iter().flatten().any(|value| value == 0.0))
        || reals.is_some_and(|array| array.iter().flatten().any(|value| value == 0.0))
}

/// Returns the function.
pub(super) fn udf() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(AvgQuotient { signature }))
}

/// `avg_quotient(sum, count)`: BIGINT for a BIGINT, cut to an integer; NUMERIC(38, s) for a NUMERIC of
/// scale s; DOUBLE PRECISION for floats.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AvgQuotient {
    signature: Signature,
}

impl ScalarUDFImpl for AvgQuotient {
    fn name(&self) -> &str {
        "avg_quotient"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let Some(sum) = types.first() else { return plan_err!("avg takes one argument") };
        Ok(vec![self.return_type(std::slice::from_ref(sum))?, DataType::Int64])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(DataType::Decimal128(_, scale)) => {
                Ok(DataType::Decimal128(DECIMAL_PRECISION_MAX, *scale))
            }
            Some(sum) if sum.is_integer() => Ok(DataType::Int64),
            Some(sum) if sum.is_floating() => Ok(DataType::Float64),
            Some(other) => plan_err!("function avg does not take {other}"),
            None => plan_err!("avg takes one argument"),
        }
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [sums, counts] = arrays.as_slice() else {
            return plan_err!("avg_quotient takes two arguments");
        };
        let counts = counts.as_primitive::<Int64Type>();
        let averages: ArrayRef = match sums.data_type() {
            DataType::Decimal128(precision, scale) => {
                let sums = sums.as_primitive::<Decimal128Type>();
                let averages: PrimitiveArray<Decimal128Type> =
                    try_binary(sums, counts, |sum, count| {
                        sum.checked_div(count.into()).ok_or_else(division_by_zero)
                    })?;
                Arc::new(averages.with_precision_and_scale(*precision, *scale)?)
            }
            DataType::Float64 => {
                let counts = cast(counts, &DataType::Float64)?;
                numeric::div(sums, &counts)?
            }
            // The sum of no row is NULL, so that no count here is zero.
            _ => numeric::div(sums, counts)?,
        };
        Ok(ColumnarValue::Array(averages))
    }
}
