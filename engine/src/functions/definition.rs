//! What a system function is: its names, the forms it can be called in and what it computes.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, Field},
    error::DataFusionError,
    logical_expr::{ScalarUDF, type_coercion::functions::fields_with_udf},
};

use crate::{
    client_error::SqlState,
    ids::Pid,
    sql::SqlError,
    system::{SystemContext, column::ColumnType, value::Value},
    types::SqlType,
};

/// A kind of argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// CHAR, VARCHAR, NAME.
    Text,
    /// SMALLINT, INTEGER, BIGINT, OID.
    Integer,
    /// BOOLEAN.
    Boolean,
}

/// One way to call a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// What it takes.
    pub(super) arguments: &'static [Argument],
    /// What it returns.
    pub(super) returns: ColumnType,
}

/// How a function computes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Evaluate {
    /// From its arguments alone.
    Plain(fn(&[Value]) -> Result<Value, SqlError>),
    /// From its arguments and the session.
    Session(fn(&SystemContext, &[Value]) -> Result<Value, SqlError>),
    /// As `Session`, of one that does something: called when the query runs, once for each row.
    Action(fn(&SystemContext, &[Value]) -> Result<Value, SqlError>),
}

/// A system function.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its names, the one it is shown by first.
    pub(super) names: &'static [&'static str],
    /// The ways to call it.
    pub(super) forms: &'static [Form],
    /// What it computes. Not called when the first argument is NULL: the answer is NULL then.
    pub(super) evaluate: Evaluate,
}

/// Short names for the tables of forms.
pub(super) const NAME: ColumnType = ColumnType::One(SqlType::Name);
/// TEXT
pub(super) const TEXT: ColumnType = ColumnType::One(SqlType::Varchar { length: 65_535 });
/// INTEGER
pub(super) const INTEGER: ColumnType = ColumnType::One(SqlType::Integer);
/// BIGINT
pub(super) const BIGINT: ColumnType = ColumnType::One(SqlType::BigInt);
/// OID
pub(super) const OID: ColumnType = ColumnType::One(SqlType::Oid);
/// BOOLEAN
pub(super) const BOOLEAN: ColumnType = ColumnType::One(SqlType::Boolean);

/// Returns a form.
pub(super) const fn form(arguments: &'static [Argument], returns: ColumnType) -> Form {
    Form { arguments, returns }
}

impl Argument {
    /// Returns the Arrow type the function is given.
    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::Integer => DataType::Int64,
            Self::Boolean => DataType::Boolean,
        }
    }

    /// Returns whether an argument of this type is meant, without a conversion.
    fn means(self, data_type: &DataType) -> bool {
        data_type.is_null()
            || match self {
                Self::Text => data_type.is_string(),
                Self::Integer => data_type.is_integer(),
                Self::Boolean => data_type == &DataType::Boolean,
            }
    }
}

impl Definition {
    /// Returns the form that is meant by arguments of these types: one that fits as they are, else
    /// one of that many arguments.
    pub(super) fn form(&self, types: &[DataType]) -> Result<Form, DataFusionError> {
        let of_length = || self.forms.iter().filter(|form| form.arguments.len() == types.len());
        let fits = |form: &&Form| form.arguments.iter().zip(types).all(|(a, t)| a.means(t));
        of_length().find(fits).or_else(|| of_length().next()).copied().ok_or_else(|| {
            let name = self.names.first().copied().unwrap_or_default();
            let message = format!("function {name} does not take {} arguments", types.len());
            client_error(error(SqlState::UNDEFINED_FUNCTION, message))
        })
    }
}

/// Returns the session that the first argument names, if it can be one.
pub(super) fn session_pid(arguments: &[Value]) -> Option<Pid> {
    let pid = arguments.first().and_then(Value::integer)?;
    i32::try_from(pid).ok().map(Pid)
}

/// Returns the types that a function of DataFusion's wants its arguments in when it is given these.
pub(super) fn coerced(
    function: &ScalarUDF,
    given: impl Iterator<Item = DataType>,
) -> Result<Vec<DataType>, DataFusionError> {
    let fields = given.map(|given| Arc::new(Field::new("", given, true)));
    let fields = fields_with_udf(&fields.collect::<Vec<_>>(), function)?;
    Ok(fields.iter().map(|field| field.data_type().clone()).collect())
}

/// Returns an error with a code.
pub(super) fn error(sqlstate: SqlState, message: impl Into<String>) -> SqlError {
    SqlError { sqlstate, message: message.into(), hint: None, position: None }
}

/// Returns an error as DataFusion carries it.
pub(super) fn client_error(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
