//! `varchar(x, n)` and `bpchar(x, n)`: what `x::varchar(n)` and `x::char(n)` mean, as PostgreSQL calls it.
//!
//! An explicit cast cuts without a word: after the last character that ends within n bytes. A CHAR is
//! kept without its trailing blanks, and takes characters of one byte only.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, StringViewArray},
        datatypes::{DataType, Field, FieldRef},
    },
    common::{ScalarValue, plan_err},
    error::Result,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::SqlType,
};

/// Returns both functions for registering.
pub(super) fn udfs() -> [Arc<ScalarUDF>; 2] {
    [false, true].map(|blank_padded| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::from(LengthCoercion { blank_padded, signature }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LengthCoercion {
    /// CHAR, not VARCHAR.
    blank_padded: bool,
    signature: Signature,
}

impl LengthCoercion {
    fn cut<'t>(&self, text: &'t str, bytes_max: usize) -> &'t str {
        let cut = &text[..text.floor_char_boundary(bytes_max)];
        if self.blank_padded { cut.trim_end_matches(' ') } else { cut }
    }

    fn array(&self, texts: &StringViewArray, bytes_max: usize) -> Result<ArrayRef> {
        if self.blank_padded && !texts.iter().flatten().all(str::is_ascii) {
            let message = "CHAR string contains invalid ASCII character";
            return Err(client_error(error(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)));
        }
        let fits = |text: &str| self.cut(text, bytes_max).len() == text.len();
        if texts.iter().flatten().all(fits) {
            return Ok(Arc::new(texts.clone()));
        }
        let cut = texts.iter().map(|text| text.map(|text| self.cut(text, bytes_max)));
        Ok(Arc::new(cut.collect::<StringViewArray>()))
    }
}

fn bytes(length: &ScalarValue) -> Option<u32> {
    match length.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(length))) => u32::try_from(length).ok(),
        _ => None,
    }
}

impl ScalarUDFImpl for LengthCoercion {
    fn name(&self) -> &str {
        if self.blank_padded { "bpchar" } else { "varchar" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The length stays the literal it is: the type of the result hangs on it.
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [_, length] if length.is_integer() => Ok(vec![DataType::Utf8View, length.clone()]),
            _ => plan_err!("{} takes a text and a constant length", self.name()),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(length) = arguments.scalar_arguments.get(1).copied().flatten().and_then(bytes)
        else {
            return Ok(Arc::new(Field::new(self.name(), DataType::Utf8View, true)));
        };
        let sql_type = match self.blank_padded {
            true => SqlType::Char { length },
            false => SqlType::Varchar { length },
        };
        Ok(Arc::new(sql_type.field(self.name(), true)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (texts, length) = match call.args.as_slice() {
            [texts, ColumnarValue::Scalar(length)] => (texts, bytes(length)),
            _ => return plan_err!("{} takes a text and a constant length", self.name()),
        };
        let bytes_max = usize::try_from(length.unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
        match texts {
            ColumnarValue::Scalar(text) => {
                let cut = self.array(text.to_array()?.as_string_view(), bytes_max)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&cut, 0)?))
            }
            ColumnarValue::Array(texts) => {
                Ok(ColumnarValue::Array(self.array(texts.as_string_view(), bytes_max)?))
            }
        }
    }
}
