//! The keys that a join found, as one bit each.
//!
//! A dynamic filter says `k >= 3 AND k <= 9041 AND <k is among the keys>`, where the last part looks every
//! row up in a hash table. After as many rows as there are values from the least key to the greatest, it
//! pays to have asked that of each value once: from then on a row costs one bit test.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use arrow::{
    array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch},
    buffer::BooleanBuffer,
    compute::prep_null_mask_filter,
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Field, Int16Type, Int32Type, Int64Type, Schema,
    },
};
use datafusion::{
    common::{Result, ScalarValue, cast::as_boolean_array},
    logical_expr::{ColumnarValue, Operator},
    physical_expr::{
        PhysicalExpr, conjunction,
        expressions::{BinaryExpr, Column, Literal},
        utils::{collect_columns, reassign_expr_columns},
    },
};

use super::key_bits::{VALUES_MAX, have_bit};

type Conjunct = Arc<dyn PhysicalExpr>;

/// The conjuncts about one integer column, which bound it on both sides.
pub(super) struct KeyFilter {
    /// The column's place in the batch.
    column: usize,
    /// Of a batch of this column alone.
    schema: Arc<Schema>,
    expr: Conjunct,
    /// The least value that may pass, and how many from there on may.
    first: i64,
    value_count: usize,
    rows_seen: AtomicUsize,
    passing: OnceLock<BooleanBuffer>,
}

impl KeyFilter {
    /// Splits conjuncts over `schema` in filters of keys and the rest.
    pub(super) fn split(
        conjuncts: Vec<Conjunct>,
        schema: &Schema,
    ) -> Result<(Vec<Self>, Vec<Conjunct>)> {
        let (mut by_column, mut rest) = (Vec::<(Column, Vec<_>)>::new(), Vec::new());
        for conjunct in conjuncts {
            let mut columns = collect_columns(&conjunct).into_iter();
            let (Some(column), None) = (columns.next(), columns.next()) else {
                rest.push(conjunct);
                continue;
            };
            match by_column.iter_mut().find(|(known, _)| *known == column) {
                Some((_, conjuncts)) => conjuncts.push(conjunct),
                None => by_column.push((column, vec![conjunct])),
            }
        }
        let mut filters = Vec::new();
        for (column, conjuncts) in by_column {
            match bounds(&conjuncts, schema.field(column.index())) {
                Some(bounds) => filters.push(Self::new(&column, bounds, conjuncts, schema)?),
                None => rest.extend(conjuncts),
            }
        }
        Ok((filters, rest))
    }

    fn new(
        column: &Column,
        (first, value_count): (i64, usize),
        conjuncts: Vec<Conjunct>,
        schema: &Schema,
    ) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![schema.field(column.index()).clone()]));
        let expr = reassign_expr_columns(conjunction(conjuncts), &schema)?;
        Ok(Self {
            column: column.index(),
            schema,
            expr,
            first,
            value_count,
            rows_seen: AtomicUsize::new(0),
            passing: OnceLock::new(),
        })
    }

    /// Returns the rows of a batch that pass.
    pub(super) fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let values = batch.column(self.column);
        if self.rows_seen.fetch_add(values.len(), Ordering::Relaxed) < self.value_count {
            return self.ask(values);
        }
        match values.data_type() {
            DataType::Int16 => self.look_up::<Int16Type>(values),
            DataType::Int32 => self.look_up::<Int32Type>(values),
            DataType::Int64 => self.look_up::<Int64Type>(values),
            DataType::Date32 => self.look_up::<Date32Type>(values),
            _ => self.ask(values),
        }
    }

    /// Evaluates the conjuncts.
    fn ask(&self, values: &ArrayRef) -> Result<BooleanArray> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::clone(values)])?;
        passing_rows(&self.expr, &batch)
    }

    /// Finds the values' bits, which the first call sets.
    fn look_up<T>(&self, values: &ArrayRef) -> Result<BooleanArray>
    where
        T: ArrowPrimitiveType<Native: Into<i64> + TryFrom<i64>>,
    {
        let passing = match self.passing.get() {
            Some(passing) => passing,
            None => {
                let all = (self.first..).take(self.value_count);
                let all = all.filter_map(|value| T::Native::try_from(value).ok());
                let passing =
                    self.ask(&(Arc::new(PrimitiveArray::<T>::from_iter_values(all)) as _))?;
                self.passing.get_or_init(|| passing.values().clone())
            }
        };
        Ok(have_bit::<T>(values, self.first, passing))
    }
}

/// Returns the least value that conjuncts let pass, and how many from there on they may; `None` unless
/// they bound an integer on both sides and ask more than that.
fn bounds(conjuncts: &[Conjunct], field: &Field) -> Option<(i64, usize)> {
    let bounded_by = |op: Operator| {
        conjuncts.iter().find_map(|conjunct| {
            let comparison = conjunct.downcast_ref::<BinaryExpr>()?;
            let literal = comparison.right().downcast_ref::<Literal>()?;
            let of_column = comparison.left().is::<Column>() && *comparison.op() == op;
            of_column.then(|| integer(literal.value()))?
        })
    };
    let (first, last) = (bounded_by(Operator::GtEq)?, bounded_by(Operator::LtEq)?);
    let asks_more = conjuncts.len() > 2;
    let is_integer = matches!(
        field.data_type(),
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32
    );
    let value_count = last.checked_sub(first)?.checked_add(1)?;
    (asks_more && is_integer && (1..=VALUES_MAX).contains(&value_count))
        .then_some((first, usize::try_from(value_count).ok()?))
}

fn integer(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int16(value) => value.map(i64::from),
        ScalarValue::Int32(value) | ScalarValue::Date32(value) => value.map(i64::from),
        ScalarValue::Int64(value) => *value,
        _ => None,
    }
}

/// Returns the rows for which a predicate is true.
pub(super) fn passing_rows(
    predicate: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
) -> Result<BooleanArray> {
    Ok(match predicate.evaluate(batch)? {
        ColumnarValue::Scalar(value) => {
            let passes = value == ScalarValue::Boolean(Some(true));
            BooleanArray::from(vec![passes; batch.num_rows()])
        }
        ColumnarValue::Array(array) => match as_boolean_array(&array)? {
            passing if passing.nulls().is_some() => prep_null_mask_filter(passing),
            passing => passing.clone(),
        },
    })
}
