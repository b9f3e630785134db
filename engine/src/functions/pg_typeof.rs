//! PG_TYPEOF(any): the name of a value's type.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef},
    common::ScalarValue,
    error::Result,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::types::SqlType;

/// Returns the function.
pub(super) fn udf() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(PgTypeof {
        signature: Signature::any(1, Volatility::Immutable),
        aliases: vec!["pg_catalog.pg_typeof".to_owned()],
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PgTypeof {
    signature: Signature,
    aliases: Vec<String>,
}

impl ScalarUDFImpl for PgTypeof {
    fn name(&self) -> &'static str {
        "pg_typeof"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(SqlType::VARCHAR_DEFAULT.arrow())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(SqlType::VARCHAR_DEFAULT.field(self.name(), false)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = call.arg_fields.first().map_or_else(String::new, |field| type_name(field));
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(Some(name))))
    }
}

/// A type's name without its length or precision, as PostgreSQL answers.
fn type_name(field: &Field) -> String {
    if field.data_type().is_null() {
        return "unknown".to_owned();
    }
    match SqlType::of_field(field) {
        Some(SqlType::Decimal { .. }) => "numeric".to_owned(),
        Some(SqlType::Char { .. }) => "character".to_owned(),
        Some(SqlType::Varchar { .. }) => "character varying".to_owned(),
        Some(sql_type) => sql_type.to_string(),
        None => field.data_type().to_string(),
    }
}
