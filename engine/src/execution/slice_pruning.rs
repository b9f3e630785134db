//! Which slices a filter on the DISTKEY leaves: equal keys are on one slice.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{BinaryExpr, Column, InListExpr, Literal},
    },
};

use crate::{
    distribution::{hash_array, slice_of_hash},
    ids::SliceId,
};

/// Returns the slices that can hold a row for which `filter` is true; `None` if it does not say. `key` is
/// the place of the DISTKEY among the filter's columns.
pub(super) fn surviving_slices(
    filter: &Arc<dyn PhysicalExpr>,
    key: usize,
    slice_count: u32,
) -> Option<BTreeSet<SliceId>> {
    if let Some(binary) = filter.downcast_ref::<BinaryExpr>() {
        let of = |side| surviving_slices(side, key, slice_count);
        return match binary.op() {
            Operator::And => match (of(binary.left()), of(binary.right())) {
                (Some(left), Some(right)) => Some(&left & &right),
                (left, right) => left.or(right),
            },
            Operator::Or => Some(&of(binary.left())? | &of(binary.right())?),
            Operator::Eq => {
                let value = compared(binary.left(), binary.right(), key)
                    .or_else(|| compared(binary.right(), binary.left(), key))?;
                slices_of(std::iter::once(value), slice_count)
            }
            _ => None,
        };
    }
    let list = filter.downcast_ref::<InListExpr>().filter(|list| !list.negated())?;
    let values = list.list().iter().map(|value| compared(list.expr(), value, key));
    slices_of(values.collect::<Option<Vec<_>>>()?.into_iter(), slice_count)
}

/// Returns the constant that the DISTKEY is compared with. Both are of one type: what equals a value of
/// another type need not have its hash (1 and 1.0e0).
fn compared<'a>(
    column: &Arc<dyn PhysicalExpr>,
    value: &'a Arc<dyn PhysicalExpr>,
    key: usize,
) -> Option<&'a ScalarValue> {
    let is_key = column.downcast_ref::<Column>().is_some_and(|column| column.index() == key);
    if is_key { value.downcast_ref::<Literal>().map(Literal::value) } else { None }
}

fn slices_of<'a>(
    values: impl Iterator<Item = &'a ScalarValue>,
    slice_count: u32,
) -> Option<BTreeSet<SliceId>> {
    let slices = values.map(|value| {
        let hashes = hash_array(value.to_array().ok()?.as_ref()).ok()?;
        hashes.first().map(|hash| slice_of_hash(*hash, slice_count))
    });
    slices.collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_expr::expressions::{binary, col, in_list, lit};

    use super::*;
    use crate::distribution::hash_integer;

    const SLICES: u32 = 5;

    fn slice_of(value: i64) -> SliceId {
        slice_of_hash(hash_integer(value), SLICES)
    }

    #[test]
    fn equal_keys_are_on_one_slice() {
        let fields = ["k", "v"].map(|name| Field::new(name, DataType::Int64, true));
        let schema = Schema::new(fields.to_vec());
        let is = |name: &str, value: i64| {
            binary(col(name, &schema).unwrap(), Operator::Eq, lit(value), &schema).unwrap()
        };
        let both = |op, left, right| binary(left, op, right, &schema).unwrap();
        let slices = |filter| surviving_slices(&filter, 0, SLICES);
        assert_eq!(slices(is("k", 7)), Some([slice_of(7)].into()));
        assert_eq!(slices(is("v", 7)), None);
        assert_eq!(slices(both(Operator::And, is("v", 1), is("k", 7))), Some([slice_of(7)].into()));
        assert_eq!(slices(both(Operator::Or, is("v", 1), is("k", 7))), None);
        assert_eq!(
            slices(both(Operator::Or, is("k", 1), is("k", 7))),
            Some([slice_of(1), slice_of(7)].into())
        );
        let among = |negated: &bool| {
            let values = [1_i64, 7, 9].map(lit).to_vec();
            in_list(col("k", &schema).unwrap(), values, negated, &schema).unwrap()
        };
        assert_eq!(slices(among(&false)), Some([1, 7, 9].map(slice_of).into()));
        assert_eq!(slices(among(&true)), None);
        let greater = both(Operator::Gt, col("k", &schema).unwrap(), lit(7_i64));
        assert_eq!(slices(greater), None);
    }
}
