//! What a scalar function is, and the one adapter to DataFusion.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::ArrayRef,
        datatypes::{DataType, FieldRef, TimeUnit},
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
    types::{DECIMAL_PRECISION_MAX, SqlType, VARCHAR_LENGTH_MAX},
};

use super::arguments::Arguments;

/// A kind of argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// CHAR, VARCHAR.
    Text,
    /// SMALLINT, INTEGER, BIGINT.
    Integer,
    /// SMALLINT alone, of two bytes.
    Integer2,
    /// INTEGER alone, of four bytes.
    Integer4,
    /// NUMERIC, as NUMERIC(38, 10).
    Numeric,
    /// REAL, DOUBLE PRECISION.
    Double,
    /// BOOLEAN.
    Boolean,
    /// DATE.
    Date,
    /// TIME.
    Time,
    /// TIMESTAMP.
    Timestamp,
    /// TIMESTAMPTZ.
    TimestampTz,
}

/// The scale that a NUMERIC argument is given in.
pub(super) const NUMERIC_SCALE: i8 = 10;

/// One way to call a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// What it takes.
    pub(super) takes: &'static [Kind],
    /// What it returns.
    pub(super) returns: SqlType,
    /// What it computes.
    pub(super) compute: fn(&Arguments) -> Result<ArrayRef>,
}

/// A scalar function.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its names, the one it is shown by first.
    pub(super) names: &'static [&'static str],
    /// The ways to call it.
    pub(super) forms: &'static [Form],
}

/// VARCHAR of any length.
pub(super) const TEXT: SqlType = SqlType::Varchar { length: VARCHAR_LENGTH_MAX };

/// Returns a form.
pub(super) const fn form(
    takes: &'static [Kind],
    returns: SqlType,
    compute: fn(&Arguments) -> Result<ArrayRef>,
) -> Form {
    Form { takes, returns, compute }
}

impl Kind {
    fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::Integer => DataType::Int64,
            Self::Integer2 => DataType::Int16,
            Self::Integer4 => DataType::Int32,
            Self::Numeric => DataType::Decimal128(DECIMAL_PRECISION_MAX, NUMERIC_SCALE),
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => SqlType::Date.arrow(),
            Self::Time => SqlType::Time.arrow(),
            Self::Timestamp => SqlType::Timestamp.arrow(),
            Self::TimestampTz => SqlType::TimestampTz.arrow(),
        }
    }

    /// Returns whether an argument of this type is meant, without a conversion.
    fn is(self, given: &DataType) -> bool {
        match self {
            Self::Text => given.is_string(),
            Self::Integer => given.is_integer(),
            Self::Integer2 => *given == DataType::Int16,
            Self::Integer4 => *given == DataType::Int32,
            Self::Numeric => given.is_decimal(),
            Self::Double => given.is_floating(),
            Self::Boolean => *given == DataType::Boolean,
            Self::Date => matches!(given, DataType::Date32 | DataType::Date64),
            Self::Time => matches!(given, DataType::Time32(_) | DataType::Time64(_)),
            Self::Timestamp => matches!(given, DataType::Timestamp(_, None)),
            Self::TimestampTz => matches!(given, DataType::Timestamp(_, Some(_))),
        }
    }

    /// Returns whether a value of this type can be cast to what is meant.
    fn accepts(self, given: &DataType) -> bool {
        if given.is_null() || given.is_string() || self.is(given) {
            return true;
        }
        match self {
            // Redshift casts what it is given to text where text is asked for.
            Self::Text => given.is_numeric() || given.is_temporal(),
            Self::Integer | Self::Numeric | Self::Double => given.is_numeric(),
            Self::Timestamp | Self::TimestampTz | Self::Date => {
                matches!(given, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _))
            }
            Self::Boolean | Self::Time | Self::Integer2 | Self::Integer4 => false,
        }
    }
}

impl Form {
    fn fits(&self, types: &[DataType], fits: fn(Kind, &DataType) -> bool) -> bool {
        let mut pairs = self.takes.iter().zip(types);
        self.takes.len() == types.len() && pairs.all(|(kind, given)| fits(*kind, given))
    }
}

impl Definition {
    fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Returns the form that arguments of these types mean.
    fn form(&self, types: &[DataType]) -> Result<&Form> {
        let find = |fits| self.forms.iter().find(|form| form.fits(types, fits));
        let form = find(Kind::is).or_else(|| find(Kind::accepts));
        form.ok_or_else(|| {
            let types = types.iter().map(|data_type| {
                SqlType::from_arrow(data_type)
                    .map_or_else(|| data_type.to_string(), |sql_type| sql_type.to_string())
            });
            let types = types.collect::<Vec<_>>().join(", ");
            let message = format!("function {}({types}) does not exist", self.name());
            client_error(error(SqlState::UNDEFINED_FUNCTION, message))
        })
    }
}

/// The adapter.
#[derive(Debug)]
pub(super) struct ScalarFunction {
    definition: &'static Definition,
    signature: Signature,
    aliases: Vec<String>,
}

impl ScalarFunction {
    /// Returns the function for registering.
    pub(super) fn udf(definition: &'static Definition) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        let others = definition.names.iter().skip(1).map(|name| (*name).to_owned());
        let qualified = definition.names.iter().map(|name| format!("pg_catalog.{name}"));
        let aliases = others.chain(qualified).collect();
        Arc::new(ScalarUDF::from(Self { definition, signature, aliases }))
    }
}

impl PartialEq for ScalarFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for ScalarFunction {}

impl Hash for ScalarFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for ScalarFunction {
    fn name(&self) -> &str {
        self.definition.name()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.definition.form(types)?.takes.iter().map(|kind| kind.arrow()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.definition.form(types)?.returns.arrow())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = arguments.arg_fields.iter().map(|field| field.data_type().clone());
        let form = self.definition.form(&types.collect::<Vec<_>>())?;
        Ok(Arc::new(form.returns.field(self.name(), true)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = call.args.iter().map(ColumnarValue::data_type).collect();
        let form = self.definition.form(&types)?;
        let is_one = call.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let row_count = if is_one { 1 } else { call.number_rows };
        let computed = (form.compute)(&Arguments::new(&call.args, row_count)?)?;
        if computed.len() != row_count {
            return plan_err!("{} computed {} rows of {row_count}", self.name(), computed.len());
        }
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?),
            false => ColumnarValue::Array(computed),
        })
    }
}
