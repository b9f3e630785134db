//! Whether a value is among some integers: one bit for each value from the least of them to the greatest.

use std::{fmt, hash::Hash, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch},
    buffer::BooleanBuffer,
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Int16Type, Int32Type, Int64Type, Schema,
    },
    util::bit_util::set_bit,
};
use datafusion::{
    common::{Result, internal_err},
    logical_expr::ColumnarValue,
    physical_expr::PhysicalExpr,
};

/// More values than this from the least key to the greatest are not worth 8 MB of bits.
pub(super) const VALUES_MAX: i64 = 1 << 26;

/// The predicate that an expression is among some integers.
#[derive(Debug, Eq)]
pub(super) struct KeyBits {
    key: Arc<dyn PhysicalExpr>,
    /// The value of the first bit.
    first: i64,
    bits: BooleanBuffer,
}

impl KeyBits {
    /// Returns the predicate that `key` is among `values`, all of them from `first` to `last`; `None` if
    /// that is too long a way.
    pub(super) fn of(
        key: Arc<dyn PhysicalExpr>,
        (first, last): (i64, i64),
        values: impl Iterator<Item = i64>,
    ) -> Option<Self> {
        let count = last.checked_sub(first)?.checked_add(1).filter(|count| *count <= VALUES_MAX)?;
        let count = usize::try_from(count).ok()?;
        let mut bits = vec![0_u8; count.div_ceil(8)];
        for value in values {
            set_bit(&mut bits, usize::try_from(value.checked_sub(first)?).ok()?);
        }
        Some(Self { key, first, bits: BooleanBuffer::new(bits.into(), 0, count) })
    }
}

/// Returns which integers have their bit set; NULL has none.
pub(super) fn have_bit<T>(values: &ArrayRef, first: i64, bits: &BooleanBuffer) -> BooleanArray
where
    T: ArrowPrimitiveType<Native: Into<i64>>,
{
    let values = values.as_primitive::<T>();
    let slots = values.values();
    let found = BooleanBuffer::collect_bool(slots.len(), |row| {
        let value: i64 = slots[row].into();
        // What is below the first wraps to what is beyond the last.
        let place = usize::try_from(value.wrapping_sub(first)).unwrap_or(usize::MAX);
        place < bits.len() && bits.value(place)
    });
    match values.nulls() {
        Some(nulls) => BooleanArray::new(&found & nulls.inner(), None),
        None => BooleanArray::new(found, None),
    }
}

impl PartialEq for KeyBits {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.key.eq(&other.key) && self.bits == other.bits
    }
}

impl Hash for KeyBits {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        (self.first, self.bits.len()).hash(state);
    }
}

impl fmt::Display for KeyBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is one of {} keys", self.key, self.bits.count_set_bits())
    }
}

impl PhysicalExpr for KeyBits {
    fn data_type(&self, _input: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _input: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let keys = self.key.evaluate(batch)?.into_array(batch.num_rows())?;
        let found = match keys.data_type() {
            DataType::Int16 => have_bit::<Int16Type>(&keys, self.first, &self.bits),
            DataType::Int32 => have_bit::<Int32Type>(&keys, self.first, &self.bits),
            DataType::Int64 => have_bit::<Int64Type>(&keys, self.first, &self.bits),
            DataType::Date32 => have_bit::<Date32Type>(&keys, self.first, &self.bits),
            other => return internal_err!("{other} among keys"),
        };
        Ok(ColumnarValue::Array(Arc::new(found)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.key]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(key) => Ok(Arc::new(Self { key, first: self.first, bits: self.bits.clone() })),
            None => internal_err!("one key is among others"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
