//! SUM that never wraps: BIGINT of integers, NUMERIC(38, s) of NUMERIC(p, s), DOUBLE PRECISION of
//! floats ("SUM function" of Redshift's documentation). What does not fit is 22003.
//!
//! DataFusion's SUM does the rest; only its additions of integers and decimals are replaced.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, ArrowNumericType, AsArray, BooleanArray},
        datatypes::{ArrowNativeTypeOp, DataType, Decimal128Type, FieldRef, Int64Type},
    },
    common::ScalarValue,
    error::{DataFusionError, Result},
    functions_aggregate::sum::Sum,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF,
        Signature,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::AggregateOrderSensitivity,
    },
};

use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op::PrimitiveGroupsAccumulator;

use crate::{
    client_error::SqlState,
    functions::definition::{client_error, error},
    types::DECIMAL_PRECISION_MAX,
};

static FUNCTION: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(CheckedSum { sum: Sum::new() })));

/// Returns the function.
pub(super) fn udaf() -> Arc<AggregateUDF> {
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    sum: Sum,
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.sum.name()
    }

    fn signature(&self) -> &Signature {
        self.sum.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Decimal128(_, scale)] => {
                Ok(DataType::Decimal128(DECIMAL_PRECISION_MAX, *scale))
            }
            _ => self.sum.return_type(types),
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if arguments.is_distinct {
            return self.sum.accumulator(arguments);
        }
        match arguments.return_field.data_type() {
            DataType::Int64 => Ok(Box::new(Total::<Int64Type>::new(DataType::Int64))),
            decimal @ DataType::Decimal128(..) => {
                Ok(Box::new(Total::<Decimal128Type>::new(decimal.clone())))
            }
            _ => self.sum.accumulator(arguments),
        }
    }

    fn create_sliding_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match arguments.return_field.data_type() {
            DataType::Int64 | DataType::Decimal128(..) if !arguments.is_distinct => {
                self.accumulator(arguments)
            }
            _ => self.sum.create_sliding_accumulator(arguments),
        }
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.sum.state_fields(arguments)
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        self.sum.groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        match arguments.return_field.data_type() {
            DataType::Int64 => Ok(Box::new(GroupTotals::new::<Int64Type>(DataType::Int64))),
            decimal @ DataType::Decimal128(..) => {
                Ok(Box::new(GroupTotals::new::<Decimal128Type>(decimal.clone())))
            }
            _ => self.sum.create_groups_accumulator(arguments),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.sum.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.sum.order_sensitivity()
    }
}

fn overflow(of: &DataType) -> DataFusionError {
    let message = match of {
        DataType::Int64 => "bigint out of range",
        _ => "Numeric data overflow (addition)",
    };
    client_error(error(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

/// A decimal of 39 digits fits 128 bits and no DECIMAL.
fn check(total: &ScalarValue, data_type: &DataType) -> Result<()> {
    match total {
        ScalarValue::Decimal128(Some(value), ..)
            if value.unsigned_abs() >= 10_u128.pow(DECIMAL_PRECISION_MAX.into()) =>
        {
            Err(overflow(data_type))
        }
        _ => Ok(()),
    }
}

/// The sum of all rows, or of a window that moves.
#[derive(Debug)]
struct Total<T: ArrowNumericType> {
    total: T::Native,
    row_count: u64,
    data_type: DataType,
}

impl<T: ArrowNumericType> Total<T> {
    fn new(data_type: DataType) -> Self {
        Self { total: T::Native::ZERO, row_count: 0, data_type }
    }
}

impl<T: ArrowNumericType + fmt::Debug> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().take(1) {
            for value in values.as_primitive::<T>().iter().flatten() {
                self.total =
                    self.total.add_checked(value).map_err(|_| overflow(&self.data_type))?;
            }
            self.row_count += (values.len() - values.null_count()) as u64;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().take(1) {
            for value in values.as_primitive::<T>().iter().flatten() {
                self.total =
                    self.total.sub_checked(value).map_err(|_| overflow(&self.data_type))?;
            }
            self.row_count -= (values.len() - values.null_count()) as u64;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let total = (self.row_count > 0).then_some(self.total);
        let total = ScalarValue::new_primitive::<T>(total, &self.data_type)?;
        check(&total, &self.data_type)?;
        Ok(total)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// The sums of groups: DataFusion's accumulator, with an addition that notes when it overflows.
struct GroupTotals {
    totals: Box<dyn GroupsAccumulator>,
    overflowed: Arc<AtomicBool>,
    data_type: DataType,
}

impl GroupTotals {
    fn new<T: ArrowNumericType + Send>(data_type: DataType) -> Self {
        let overflowed = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&overflowed);
        let add = move |total: &mut T::Native, value: T::Native| match total.add_checked(value) {
            Ok(sum) => *total = sum,
            Err(_) => note.store(true, Ordering::Relaxed),
        };
        let totals = PrimitiveGroupsAccumulator::<T, _>::new(&data_type, add);
        Self { totals: Box::new(totals), overflowed, data_type }
    }

    fn checked(&self) -> Result<()> {
        if self.overflowed.load(Ordering::Relaxed) {
            return Err(overflow(&self.data_type));
        }
        Ok(())
    }
}

impl GroupsAccumulator for GroupTotals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        group_count: usize,
    ) -> Result<()> {
        self.totals.update_batch(values, group_indices, filter, group_count)?;
        self.checked()
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let totals = self.totals.evaluate(emit_to)?;
        if let Some(decimals) = totals.as_primitive_opt::<Decimal128Type>() {
            let checked = decimals.validate_decimal_precision(DECIMAL_PRECISION_MAX);
            checked.map_err(|_| overflow(&self.data_type))?;
        }
        Ok(totals)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.totals.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        group_count: usize,
    ) -> Result<()> {
        self.totals.merge_batch(states, group_indices, group_count)?;
        self.checked()
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.totals.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.totals.size()
    }
}
