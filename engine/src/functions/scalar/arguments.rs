//! The arguments of a call, by row: an array each, of one value where it is the same for all rows.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{
            Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
            StringViewBuilder,
        },
        datatypes::{
            Date32Type, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type,
            Time64MicrosecondType, TimestampMicrosecondType,
        },
    },
    error::Result,
    logical_expr::ColumnarValue,
};

/// See the module. A method for a type answers NULL for an argument of another.
pub(super) struct Arguments {
    arrays: Vec<ArrayRef>,
    row_count: usize,
}

impl Arguments {
    pub(super) fn new(values: &[ColumnarValue], row_count: usize) -> Result<Self> {
        let arrays = values.iter().map(|value| match value {
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
            ColumnarValue::Scalar(scalar) => scalar.to_array(),
        });
        Ok(Self { arrays: arrays.collect::<Result<_>>()?, row_count })
    }

    /// Returns how many arguments there are.
    pub(super) fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Returns how many rows there are.
    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    fn place(&self, argument: usize, row: usize) -> Option<(&ArrayRef, usize)> {
        let array = self.arrays.get(argument)?;
        let row = if array.len() == 1 { 0 } else { row };
        array.is_valid(row).then_some((array, row))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, argument: usize, row: usize) -> Option<T::Native> {
        let (array, row) = self.place(argument, row)?;
        Some(array.as_primitive_opt::<T>()?.value(row))
    }

    /// Returns a text.
    pub(super) fn text(&self, argument: usize, row: usize) -> Option<&str> {
        let (array, row) = self.place(argument, row)?;
        Some(array.as_string_view_opt()?.value(row))
    }

    /// Returns a text that is the same for all rows.
    pub(super) fn constant_text(&self, argument: usize) -> Option<&str> {
        let is_one = self.arrays.get(argument).is_some_and(|array| array.len() == 1);
        is_one.then(|| self.text(argument, 0)).flatten()
    }

    /// Returns an integer.
    pub(super) fn integer(&self, argument: usize, row: usize) -> Option<i64> {
        let narrow = || self.primitive::<Int32Type>(argument, row).map(i64::from);
        let narrowest = || self.primitive::<Int16Type>(argument, row).map(i64::from);
        self.primitive::<Int64Type>(argument, row).or_else(narrow).or_else(narrowest)
    }

    /// Returns a float.
    pub(super) fn double(&self, argument: usize, row: usize) -> Option<f64> {
        self.primitive::<Float64Type>(argument, row)
    }

    /// Returns a NUMERIC, unscaled.
    pub(super) fn numeric(&self, argument: usize, row: usize) -> Option<i128> {
        self.primitive::<Decimal128Type>(argument, row)
    }

    /// Returns a truth value.
    pub(super) fn boolean(&self, argument: usize, row: usize) -> Option<bool> {
        let (array, row) = self.place(argument, row)?;
        Some(array.as_boolean_opt()?.value(row))
    }

    /// Returns the days of a DATE since 1970.
    pub(super) fn days(&self, argument: usize, row: usize) -> Option<i32> {
        self.primitive::<Date32Type>(argument, row)
    }

    /// Returns the microseconds of a TIMESTAMP since 1970, or of a TIME since midnight.
    pub(super) fn micros(&self, argument: usize, row: usize) -> Option<i64> {
        self.primitive::<TimestampMicrosecondType>(argument, row)
            .or_else(|| self.primitive::<Time64MicrosecondType>(argument, row))
    }

    /// Builds a column of numbers or moments; `None` is NULL.
    pub(super) fn primitives<T: ArrowPrimitiveType>(
        &self,
        value: impl Fn(usize) -> Option<Result<T::Native>>,
    ) -> Result<PrimitiveArray<T>> {
        (0..self.row_count).map(|row| value(row).transpose()).collect()
    }

    /// Builds a column of truth values; `None` is NULL.
    pub(super) fn booleans(&self, value: impl Fn(usize) -> Option<bool>) -> Result<ArrayRef> {
        let values: BooleanArray = (0..self.row_count).map(value).collect();
        Ok(Arc::new(values))
    }

    /// Builds a column of texts; `None` is NULL.
    pub(super) fn texts<T: AsRef<str>>(
        &self,
        value: impl Fn(usize) -> Option<Result<T>>,
    ) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(self.row_count);
        for row in 0..self.row_count {
            builder.append_option(value(row).transpose()?);
        }
        Ok(Arc::new(builder.finish()))
    }
}
