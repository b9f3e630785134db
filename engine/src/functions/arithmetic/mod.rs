//! Arithmetic that never wraps: what overflows or divides by zero is an error.
//!
//! ```text
//!  a + b ─ plan/analyzer/numeric_types ─▶ checked_add(a, b)   where DataFusion's operator would wrap
//! ```
//!
//! DataFusion's `+`, `-` and `*` wrap around, its decimal quotient has a scale of its own, and floats
//! become infinite. These functions stand in their place in a plan; nobody calls them by
//! name, but a name is what travels to compute nodes.

mod decimal;
mod integer;
mod quotient;

pub(crate) use integer::out_of_range;
pub(crate) use quotient::{has_infinity, overflow};

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, LazyLock},
};

use datafusion::{
    arrow::{array::ArrayRef, datatypes::DataType, error::ArrowError},
    common::plan_err,
    error::Result,
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        expr::schema_name_from_exprs,
    },
    physical_expr_common::datum,
};

use crate::{client_error::SqlState, functions::definition::error, types::Digits};

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
}

const OPERATIONS: [Operation; 4] =
    [Operation::Add, Operation::Subtract, Operation::Multiply, Operation::Divide];

static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    let function = |operation| Arc::new(ScalarUDF::from(Checked::new(operation)));
    OPERATIONS.into_iter().map(function).chain([quotient::udf()]).collect()
});

/// Returns the functions for registering.
pub(super) fn udfs() -> &'static [Arc<ScalarUDF>] {
    &FUNCTIONS
}

impl Operation {
    /// Returns the function that computes it.
    pub(crate) fn udf(self) -> Arc<ScalarUDF> {
        Arc::clone(&FUNCTIONS[self as usize])
    }

    /// Returns the digits of the result for DECIMAL operands.
    pub(crate) fn digits(self, left: Digits, right: Digits) -> Digits {
        match self {
            Self::Add | Self::Subtract => left.sum(right),
            Self::Multiply => left.product(right),
            Self::Divide => left.quotient(right),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Add => "checked_add",
            Self::Subtract => "checked_subtract",
            Self::Multiply => "checked_multiply",
            Self::Divide => "checked_divide",
        }
    }
}

/// Returns the function that divides a sum by a count: what AVG is.
pub(crate) fn avg_quotient() -> Arc<ScalarUDF> {
    Arc::clone(&FUNCTIONS[OPERATIONS.len()])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operation: Operation,
    signature: Signature,
}

impl Checked {
    fn new(operation: Operation) -> Self {
        Self { operation, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// Returns the type both operands are given in, where they have to agree.
    fn operands(left: &DataType, right: &DataType) -> Option<(DataType, DataType)> {
        let floating = |t: &DataType| t.is_floating() || t.is_numeric();
        if left.is_null() || right.is_null() {
            let known = if left.is_null() { right } else { left };
            let known = if known.is_null() { &DataType::Int32 } else { known };
            return Some((known.clone(), known.clone()));
        }
        if left.is_integer() && right.is_integer() {
            let wider = wider_integer(left, right);
            return Some((wider.clone(), wider));
        }
        if let (Some(left), Some(right)) = (Digits::of(left), Digits::of(right)) {
            return Some((left.arrow(), right.arrow()));
        }
        if *left == DataType::Float32 && *right == DataType::Float32 {
            return Some((DataType::Float32, DataType::Float32));
        }
        (floating(left) && floating(right)).then_some((DataType::Float64, DataType::Float64))
    }
}

/// Returns the wider of two integer types, as SMALLINT, INTEGER or BIGINT.
pub(crate) fn wider_integer(left: &DataType, right: &DataType) -> DataType {
    let bytes = |t: &DataType| t.primitive_width().unwrap_or(8);
    match bytes(left).max(bytes(right)) {
        1 | 2 => DataType::Int16,
        4 => DataType::Int32,
        _ => DataType::Int64,
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.operation.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [left, right] => match Self::operands(left, right) {
                Some((left, right)) => Ok(vec![left, right]),
                None => plan_err!("{} does not take {left} and {right}", self.name()),
            },
            _ => plan_err!("{} takes two arguments", self.name()),
        }
    }

    /// A plan asks for the name of every part of an expression, at every part: for `a + b + c + …` that
    /// would be text of the fourth power of its length. So the name of a name is a hash.
    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        if arguments.iter().all(is_plain) {
            return Ok(format!("{}({})", self.name(), schema_name_from_exprs(arguments)?));
        }
        let mut hasher = DefaultHasher::new();
        arguments.hash(&mut hasher);
        Ok(format!("{}#{:016x}", self.name(), hasher.finish()))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [left, right] = types else {
            return plan_err!("{} takes two arguments", self.name());
        };
        if let (DataType::Decimal128(..), Some(left), Some(right)) =
            (left, Digits::of(left), Digits::of(right))
        {
            return Ok(self.operation.digits(left, right).arrow());
        }
        Ok(left.clone())
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = call.args.as_slice() else {
            return plan_err!("{} takes two arguments", self.name());
        };
        let result = call.return_field.data_type();
        datum::apply(left, right, |left, right| -> Result<ArrayRef, ArrowError> {
            match result {
                DataType::Decimal128(precision, scale) => {
                    decimal::compute(self.operation, left, right, *precision, *scale)
                }
                DataType::Float32 | DataType::Float64 => {
                    quotient::of_floats(self.operation, left, right)
                }
                _ => integer::compute(self.operation, left, right, result),
            }
        })
    }
}

fn is_plain(argument: &Expr) -> bool {
    match argument {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::Cast(cast) => is_plain(&cast.expr),
        _ => false,
    }
}

/// Returns an error with a code, as Arrow carries it.
fn failure(sqlstate: SqlState, message: impl Into<String>) -> ArrowError {
    ArrowError::ExternalError(Box::new(error(sqlstate, message)))
}

fn division_by_zero() -> ArrowError {
    failure(SqlState::DIVISION_BY_ZERO, "division by zero")
}
