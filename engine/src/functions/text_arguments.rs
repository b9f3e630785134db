//! Functions of texts that take anything as a text, as Redshift casts it: `split_part(listtime, '-', 1)`.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, FieldRef},
    error::Result,
    execution::{FunctionRegistry, SessionState},
    functions::unicode,
    logical_expr::{
        ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature, Volatility,
        planner::{ExprPlanner, PlannerResult},
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};

use crate::functions::definition::coerced;

/// DataFusion's names of the functions, and which of their arguments are texts.
const FUNCTIONS: &[(&str, &[usize])] = &[
    ("btrim", &[0, 1]),
    ("initcap", &[0]),
    ("left", &[0]),
    ("lower", &[0]),
    ("lpad", &[0, 2]),
    ("ltrim", &[0, 1]),
    ("replace", &[0, 1, 2]),
    ("reverse", &[0]),
    ("right", &[0]),
    ("rpad", &[0, 2]),
    ("rtrim", &[0, 1]),
    ("split_part", &[0, 1]),
    ("strpos", STRPOS),
    ("substr", SUBSTR),
    ("translate", &[0, 1, 2]),
    ("upper", &[0]),
];
const STRPOS: &[usize] = &[0, 1];
const SUBSTR: &[usize] = &[0];

/// Puts them in the place of DataFusion's.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for (name, texts) in FUNCTIONS {
        let function = TextArguments::udf(state.udf(name)?, texts);
        let _replaced = state.register_udf(function)?;
    }
    Ok(())
}

/// `SUBSTRING(x FROM a FOR b)` and `POSITION(a IN x)`, which are planned without a look at names.
#[derive(Debug)]
pub(super) struct SubstringAndPosition;

impl ExprPlanner for SubstringAndPosition {
    fn plan_substring(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let substr = TextArguments::udf(unicode::substr(), SUBSTR);
        Ok(PlannerResult::Planned(substr.call(arguments)))
    }

    fn plan_position(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let strpos = TextArguments::udf(unicode::strpos(), STRPOS);
        Ok(PlannerResult::Planned(strpos.call(arguments)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextArguments {
    inner: Arc<ScalarUDF>,
    texts: &'static [usize],
    signature: Signature,
}

impl TextArguments {
    fn udf(inner: Arc<ScalarUDF>, texts: &'static [usize]) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::from(Self { inner, texts, signature }))
    }
}

impl ScalarUDFImpl for TextArguments {
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
        let as_text = |(position, given): (usize, &DataType)| {
            let is_other = given.is_numeric() || given.is_temporal() || *given == DataType::Boolean;
            match is_other && self.texts.contains(&position) {
                true => DataType::Utf8View,
                false => given.clone(),
            }
        };
        coerced(&self.inner, types.iter().enumerate().map(as_text))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn simplify(
        &self,
        arguments: Vec<Expr>,
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        self.inner.simplify(arguments, context)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(call)
    }
}
