//! The one adapter: a [`Definition`] as DataFusion wants to see it, computed row by row.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::new_empty_array,
        datatypes::{DataType, FieldRef},
    },
    common::{ScalarValue, internal_err},
    error::Result,
    logical_expr::{
        ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

use crate::{
    functions::definition::{Definition, Evaluate, Form, client_error},
    system::{SystemContext, value::Value},
};

/// Where PostgreSQL keeps its functions; clients say so.
const QUALIFIER: &str = "pg_catalog.";

/// A system function, bound to a session if it needs one.
#[derive(Debug)]
pub(super) struct SystemFunction {
    definition: &'static Definition,
    context: Option<Arc<SystemContext>>,
    signature: Signature,
    aliases: Vec<String>,
}

impl SystemFunction {
    /// Returns the function for registering.
    pub(super) fn udf(
        definition: &'static Definition,
        context: Option<Arc<SystemContext>>,
    ) -> Arc<ScalarUDF> {
        let others = definition.names.iter().skip(1).map(|name| (*name).to_owned());
        let qualified = definition.names.iter().map(|name| format!("{QUALIFIER}{name}"));
        // Stable: the answer holds for one statement, so a call without columns is computed once,
        // while planning. What acts must not act when it is only planned.
        let volatility = match definition.evaluate {
            Evaluate::Plain(_) | Evaluate::Session(_) => Volatility::Stable,
            Evaluate::Action(_) => Volatility::Volatile,
        };
        let signature = Signature::user_defined(volatility);
        let aliases = others.chain(qualified).collect();
        Arc::new(ScalarUDF::from(Self { definition, context, signature, aliases }))
    }

    fn evaluate(&self, form: Form, arguments: &[Value]) -> Result<ScalarValue> {
        let value = match (&self.definition.evaluate, &self.context) {
            _ if arguments.first() == Some(&Value::Null) => Value::Null,
            (Evaluate::Plain(evaluate), _) => evaluate(arguments).map_err(client_error)?,
            (Evaluate::Session(evaluate) | Evaluate::Action(evaluate), Some(context)) => {
                evaluate(context, arguments).map_err(client_error)?
            }
            (Evaluate::Session(_) | Evaluate::Action(_), None) => {
                return internal_err!("{} without session", self.name());
            }
        };
        value.scalar(&form.returns.arrow())
    }
}

impl PartialEq for SystemFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for SystemFunction {}

impl Hash for SystemFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for SystemFunction {
    fn name(&self) -> &str {
        self.definition.names.first().copied().unwrap_or_default()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let form = self.definition.form(types)?;
        Ok(form.arguments.iter().map(|argument| argument.arrow()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.definition.form(types)?.returns.arrow())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = arguments.arg_fields.iter().map(|field| field.data_type().clone());
        let form = self.definition.form(&types.collect::<Vec<_>>())?;
        Ok(Arc::new(form.returns.field(self.name())))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = call.args.iter().map(ColumnarValue::data_type).collect();
        let form = self.definition.form(&types)?;
        let row = |row: usize| -> Result<Vec<Value>> {
            let scalars = call.args.iter().map(|argument| match argument {
                ColumnarValue::Scalar(scalar) => Value::of_scalar(scalar),
                ColumnarValue::Array(array) => {
                    Value::of_scalar(&ScalarValue::try_from_array(array, row)?)
                }
            });
            scalars.collect()
        };
        if call.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(self.evaluate(form, &row(0)?)?));
        }
        if call.number_rows == 0 {
            let empty = new_empty_array(&form.returns.arrow());
            return Ok(ColumnarValue::Array(empty));
        }
        let values = (0..call.number_rows).map(|number| self.evaluate(form, &row(number)?));
        let values = values.collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(values)?))
    }
}
