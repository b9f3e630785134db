//! `single_value(x)`: the value of the one row there is. What a scalar subquery without an aggregate
//! means, said as an aggregate, so that a correlated one can be planned as a join.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray},
        datatypes::{DataType, Field, FieldRef, UInt64Type},
    },
    common::{Result, ScalarValue},
    error::DataFusionError,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
};

use crate::{client_error::SqlState, sql::SqlError};

/// The name that `plan::scalar_subqueries` calls it by.
pub(crate) const SINGLE_VALUE: &str = "single_value";

/// Returns the function.
pub(crate) fn udaf() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(SingleValue {
        signature: Signature::any(1, Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue {
    signature: Signature,
}

impl AggregateUDFImpl for SingleValue {
    fn name(&self) -> &str {
        SINGLE_VALUE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments
            .first()
            .cloned()
            .ok_or_else(|| DataFusionError::Plan(format!("{SINGLE_VALUE} takes one argument")))
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(arguments.return_field.data_type())?;
        Ok(Box::new(TheValue { value, rows: 0 }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = arguments.return_field.data_type().clone();
        Ok(vec![
            Arc::new(Field::new(format!("{}[value]", arguments.name), value, true)),
            Arc::new(Field::new(format!("{}[rows]", arguments.name), DataType::UInt64, false)),
        ])
    }
}

/// The value seen, and how many rows there were.
#[derive(Debug)]
struct TheValue {
    value: ScalarValue,
    rows: u64,
}

impl TheValue {
    fn see(&mut self, values: &ArrayRef, row: usize, rows: u64) -> Result<()> {
        self.rows += rows;
        if self.rows > 1 {
            return Err(DataFusionError::External(Box::new(SqlError {
                sqlstate: SqlState("21000"),
                message: "more than one row returned by a subquery used as an expression"
                    .to_owned(),
                hint: None,
                position: None,
            })));
        }
        self.value = ScalarValue::try_from_array(values, row)?;
        Ok(())
    }
}

impl Accumulator for TheValue {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().take(1) {
            if !values.is_empty() {
                self.see(values, 0, values.len() as u64)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::UInt64(Some(self.rows))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, rows] = states else { return Ok(()) };
        let rows = rows.as_primitive::<UInt64Type>();
        for row in 0..rows.len() {
            if rows.value(row) > 0 {
                self.see(values, row, rows.value(row))?;
            }
        }
        Ok(())
    }
}
