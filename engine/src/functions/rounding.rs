//! CEIL, FLOOR and TRUNC of a NUMERIC have the digits that are left: `ceiling(29.5)` is 30, `trunc(111.17, 1)`
//! is 111.1. DataFusion's keep the scale of the argument.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef},
    common::ScalarValue,
    error::Result,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::{functions::definition::coerced, types::DECIMAL_PRECISION_MAX};

/// Puts them in the place of DataFusion's.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for name in ["ceil", "floor", "trunc"] {
        let inner = state.udf(name)?;
        let signature = Signature::user_defined(Volatility::Immutable);
        let _replaced =
            state.register_udf(Arc::new(ScalarUDF::from(Rounding { inner, signature })))?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounding {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for Rounding {
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
        let mut wanted = coerced(&self.inner, types.iter().cloned())?;
        // The type of the result hangs on the places: they stay the literal they are.
        if let ([_, places], [_, wanted]) = (types, wanted.as_mut_slice())
            && places.is_integer()
        {
            *wanted = places.clone();
        }
        Ok(wanted)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let places = match arguments.scalar_arguments.get(1) {
            None => Some(0),
            Some(places) => places.and_then(whole),
        };
        let field = self.inner.return_field_from_args(arguments)?;
        match (field.data_type(), places) {
            (DataType::Decimal128(precision, scale), Some(places)) if *scale > places => {
                let places = places.max(0);
                // Rounding may carry a digit to the left.
                let digits = i16::from(*precision) - i16::from(*scale) + i16::from(places) + 1;
                let precision = u8::try_from(digits).unwrap_or(DECIMAL_PRECISION_MAX);
                let rounded = DataType::Decimal128(precision.min(DECIMAL_PRECISION_MAX), places);
                Ok(Arc::new(Field::new(self.name(), rounded, field.is_nullable())))
            }
            _ => Ok(field),
        }
    }

    fn invoke_with_args(&self, mut call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let [_, places] = call.args.as_mut_slice() {
            *places = places.cast_to(&DataType::Int64, None)?;
        }
        let wanted = call.return_field.data_type().clone();
        let given = call.args.first().map(ColumnarValue::data_type);
        match (given, call.args.first_mut()) {
            (Some(given @ DataType::Decimal128(precision, scale)), Some(number))
                if given != wanted =>
            {
                // A digit more, for what is carried: 99.99 becomes 100.00 on its way to 100.
                let wider = DataType::Decimal128((precision + 1).min(DECIMAL_PRECISION_MAX), scale);
                *number = number.cast_to(&wider, None)?;
                call.return_field = Arc::new(Field::new(self.name(), wider, true));
                self.inner.invoke_with_args(call)?.cast_to(&wanted, None)
            }
            _ => self.inner.invoke_with_args(call),
        }
    }
}

fn whole(places: &ScalarValue) -> Option<i8> {
    match places.cast_to(&DataType::Int8) {
        Ok(ScalarValue::Int8(places)) => places,
        _ => None,
    }
}
