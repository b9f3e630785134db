//! TRUNC: of a timestamp its date, of a number what DataFusion's function of that name gives.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef},
    common::plan_err,
    error::Result,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility, type_coercion::functions::fields_with_udf,
    },
};

/// Registers it.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    let of_numbers = state.udf("trunc")?;
    let signature = Signature::user_defined(Volatility::Immutable);
    let trunc = ScalarUDF::from(Trunc { of_numbers, signature });
    let _replaced = state.register_udf(Arc::new(trunc))?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Trunc {
    of_numbers: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for Trunc {
    fn name(&self) -> &str {
        "trunc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// A text is a timestamp: TRUNC of one is a date.
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [moment] if moment.is_temporal() || moment.is_string() => Ok(vec![DataType::Date32]),
            numbers => {
                let fields = numbers.iter().map(|t| Arc::new(Field::new("", t.clone(), true)));
                let fields =
                    fields_with_udf(&fields.collect::<Vec<_>>(), self.of_numbers.as_ref())?;
                Ok(fields.iter().map(|field| field.data_type().clone()).collect())
            }
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Date32] => Ok(DataType::Date32),
            numbers => self.of_numbers.return_type(numbers),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match arguments.arg_fields {
            [date] if *date.data_type() == DataType::Date32 => {
                Ok(Arc::new(Field::new(self.name(), DataType::Date32, date.is_nullable())))
            }
            _ => self.of_numbers.return_field_from_args(arguments),
        }
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match call.args.first() {
            Some(date) if date.data_type() == DataType::Date32 => Ok(date.clone()),
            Some(_) => self.of_numbers.invoke_with_args(call),
            None => plan_err!("trunc takes a timestamp or a number"),
        }
    }
}
