//! Functions of floats that fail where DataFusion's answer infinity or NaN.
//!
//! | call        | error                                                |
//! |-------------|------------------------------------------------------|
//! | `ln(0)`     | 2201E `cannot take logarithm of zero`                |
//! | `log(-1)`   | 2201E `cannot take logarithm of a negative number`   |
//! | `sqrt(-1)`  | 2201F `cannot take square root of a negative number` |
//! | `exp(1000)` | 22003 `value out of range: overflow`                 |
//!
//! A text is a number here: `sqrt('16')`.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray},
        compute::cast,
        datatypes::{DataType, FieldRef, Float64Type},
    },
    error::{DataFusionError, Result},
    execution::{FunctionRegistry, SessionState},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::{
    client_error::SqlState,
    functions::{
        arithmetic::{has_infinity, overflow},
        definition::{client_error, coerced, error},
    },
};

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Domain {
    Any,
    /// Of a logarithm.
    Positive,
    /// Of a square root.
    NotNegative,
}

/// DataFusion's names of the functions.
const FUNCTIONS: &[(&str, Domain)] = &[
    ("cbrt", Domain::Any),
    ("exp", Domain::Any),
    ("ln", Domain::Positive),
    ("log", Domain::Positive),
    ("log10", Domain::Positive),
    ("log2", Domain::Positive),
    ("power", Domain::Any),
    ("sqrt", Domain::NotNegative),
];

/// Puts them in the place of DataFusion's.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for (name, domain) in FUNCTIONS {
        let inner = state.udf(name)?;
        let signature = Signature::user_defined(Volatility::Immutable);
        let function = ScalarUDF::from(CheckedMath { inner, domain: *domain, signature });
        let _replaced = state.register_udf(Arc::new(function))?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedMath {
    inner: Arc<ScalarUDF>,
    domain: Domain,
    signature: Signature,
}

impl ScalarUDFImpl for CheckedMath {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let number = |given: &DataType| match given.is_string() {
            true => DataType::Float64,
            false => given.clone(),
        };
        coerced(&self.inner, types.iter().map(number))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // The number that a logarithm is taken of is the last argument.
        if let Some(number) = call.args.last() {
            self.check(&number.to_array(1)?)?;
        }
        let infinite =
            |values: &ColumnarValue| Ok::<_, DataFusionError>(has_infinity(&values.to_array(1)?));
        let mut was_infinite = false;
        for argument in &call.args {
            was_infinite |= infinite(argument)?;
        }
        let computed = self.inner.invoke_with_args(call)?;
        if !was_infinite && infinite(&computed)? {
            return Err(client_error(overflow()));
        }
        Ok(computed)
    }
}

impl CheckedMath {
    fn check(&self, numbers: &ArrayRef) -> Result<()> {
        if self.domain == Domain::Any {
            return Ok(());
        }
        let numbers = cast(numbers, &DataType::Float64)?;
        for number in numbers.as_primitive::<Float64Type>().iter().flatten() {
            let (sqlstate, message) = match self.domain {
                Domain::Positive if number == 0.0 => {
                    (SqlState::INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero")
                }
                Domain::Positive if number < 0.0 => (
                    SqlState::INVALID_ARGUMENT_FOR_LOG,
                    "cannot take logarithm of a negative number",
                ),
                Domain::NotNegative if number < 0.0 => (
                    SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
                    "cannot take square root of a negative number",
                ),
                _ => continue,
            };
            return Err(client_error(error(sqlstate, message)));
        }
        Ok(())
    }
}
