//! TO_NUMBER: a text read by a format string, which has to be a literal: it says how many digits come
//! before and after the point.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, Decimal128Array, StringViewArray},
        compute::cast,
        datatypes::{DataType, Field, FieldRef},
    },
    common::{ScalarValue, plan_err},
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::DECIMAL_PRECISION_MAX,
};

use super::number_template::NumberTemplate;

/// Returns the function.
pub(super) fn udf() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(ToNumber { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToNumber {
    signature: Signature,
}

impl ScalarUDFImpl for ToNumber {
    fn name(&self) -> &str {
        "to_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// A cast would hide that the format is a literal: it is taken as the text it is.
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let is_text = |given: &DataType| given.is_string() || given.is_null();
        match types {
            [text, format] if is_text(format) => Ok(match is_text(text) {
                true => types.to_vec(),
                false => vec![DataType::Utf8View, format.clone()],
            }),
            _ => plan_err!("TO_NUMBER takes a text and a format"),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Err(not_literal())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let format = arguments.scalar_arguments.get(1).copied().flatten();
        let (_, data_type) = read_format(format.and_then(literal).ok_or_else(not_literal)?)?;
        Ok(Arc::new(Field::new(self.name(), data_type, true)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts, ColumnarValue::Scalar(format)] = call.args.as_slice() else {
            return Err(not_literal());
        };
        let (template, data_type) = read_format(literal(format).ok_or_else(not_literal)?)?;
        let (_, scale) = template.precision();
        let is_one = matches!(texts, ColumnarValue::Scalar(_));
        let texts = texts.to_array(if is_one { 1 } else { call.number_rows })?;
        let texts = cast(&texts, &DataType::Utf8View)?;
        let texts: &StringViewArray = texts.as_string_view();
        let numbers =
            texts.iter().map(|text| text.map(|text| read(&template, text, scale)).transpose());
        let numbers = numbers.collect::<Result<Decimal128Array>>()?.with_data_type(data_type);
        let numbers: ArrayRef = Arc::new(numbers);
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&numbers, 0)?),
            false => ColumnarValue::Array(numbers),
        })
    }
}

fn literal(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

fn not_literal() -> DataFusionError {
    let message = "TO_NUMBER: the format must be a literal";
    client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))
}

/// Returns the format and the type of the numbers that it reads.
fn read_format(format: &str) -> Result<(NumberTemplate, DataType)> {
    let template = NumberTemplate::parse(format).map_err(|wrong| {
        let message = format!("TO_NUMBER: \"{wrong}\" is not part of a numeric format");
        client_error(error(SqlState::INVALID_PARAMETER_VALUE, message))
    })?;
    let (precision, scale) = template.precision();
    let fits = (1..=usize::from(DECIMAL_PRECISION_MAX)).contains(&precision);
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if fits => {
            Ok((template, DataType::Decimal128(precision, scale)))
        }
        _ => {
            let message = format!("TO_NUMBER: a format has 1 to {DECIMAL_PRECISION_MAX} digits");
            Err(client_error(error(SqlState::INVALID_PARAMETER_VALUE, message)))
        }
    }
}

fn read(template: &NumberTemplate, text: &str, scale: usize) -> Result<i128> {
    template.read(text, scale).ok_or_else(|| {
        let message = format!("TO_NUMBER: \"{text}\" does not match the format");
        client_error(error(SqlState::INVALID_TEXT_REPRESENTATION, message))
    })
}
