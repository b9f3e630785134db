//! Functions that are not asked what order they keep.
//!
//! DataFusion finds that out from the range of the argument, and cannot of an argument that is a function itself, whose range
//! it does not know: `ORDER BY abs(a - b)` was refused.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, FieldRef},
    error::Result,
    execution::{FunctionRegistry, SessionState},
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    },
};

/// DataFusion's names of the functions.
const FUNCTIONS: &[&str] = &["abs", "acos", "asin"];

/// Puts them in the place of DataFusion's.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for name in FUNCTIONS {
        let inner = state.udf(name)?;
        let _replaced = state.register_udf(Arc::new(ScalarUDF::from(Unordered { inner })))?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Unordered {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Unordered {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(call)
    }
}
