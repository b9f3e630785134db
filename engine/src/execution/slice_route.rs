//! Rows to the slices that stored rows are on, by DataFusion's own exchange.
//!
//! ```text
//!  key ─ our hash ─▶ slice ─ token of the slice ─▶ token ─ DataFusion's hash ─▶ partition = slice
//! ```
//!
//! An exchange deals rows out by DataFusion's hash of an expression. So the expression here is made such
//! that its hash leads to the slice: a *token* is a number that DataFusion's hash puts into that partition.
//! Tokens are looked for anew whenever a plan is made, by DataFusion's own partitioner: they outlive
//! neither the plan nor the version of its hash. A plan that is cut for nodes may have some more partitions
//! than slices: [`route_among`] finds tokens for those.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Int64Type, Schema},
};
use datafusion::{
    common::{Result, ScalarValue, config::ConfigOptions, internal_err},
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{Column, Literal},
    },
    physical_plan::{metrics::Time, repartition::BatchPartitioner},
};

use crate::distribution::{hash_array, slice_of_hash};

/// The name of the function in plans.
const NAME: &str = "rs_route";
/// How many numbers are tried at a time, for each slice.
const TRIES_PER_SLICE: usize = 16;

/// Returns an expression by whose hash `RepartitionExec` into `slice_count` partitions puts every row into
/// the partition of the slice that `key` (over `input`) belongs to.
pub(crate) fn route_to_slice(
    key: &Arc<dyn PhysicalExpr>,
    input: &Schema,
    slice_count: usize,
) -> Result<Arc<dyn PhysicalExpr>> {
    route(key, input, &tokens(slice_count)?)
}

/// Returns an expression of [`route_to_slice`] for an exchange into more partitions than there are slices: every
/// row gets to the partition that has the number of its slice. `None` of another expression.
pub fn route_among(
    expr: &Arc<dyn PhysicalExpr>,
    input: &Schema,
    partitions: usize,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some((key, of_slices)) = routed(expr) else { return Ok(None) };
    let mut tokens = tokens(partitions)?;
    tokens.truncate(of_slices.len());
    route(key, input, &tokens).map(Some)
}

fn route(
    key: &Arc<dyn PhysicalExpr>,
    input: &Schema,
    tokens: &[i64],
) -> Result<Arc<dyn PhysicalExpr>> {
    let tokens = tokens.iter().map(|token| ScalarValue::Int64(Some(*token))).collect::<Vec<_>>();
    let tokens = ScalarValue::List(ScalarValue::new_list_nullable(&tokens, &DataType::Int64));
    let arguments = vec![Arc::clone(key), Arc::new(Literal::new(tokens)) as _];
    let function = Arc::new(route_function());
    let options = Arc::new(ConfigOptions::new());
    Ok(Arc::new(ScalarFunctionExpr::try_new(function, arguments, input, options)?))
}

/// Returns the key by whose slice an expression routes rows, if it is one of [`route_to_slice`].
pub(crate) fn routed_key(expr: &Arc<dyn PhysicalExpr>) -> Option<&Arc<dyn PhysicalExpr>> {
    Some(routed(expr)?.0)
}

/// Returns the key and the tokens of an expression that routes rows.
fn routed(expr: &Arc<dyn PhysicalExpr>) -> Option<(&Arc<dyn PhysicalExpr>, &[i64])> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>().filter(|call| call.name() == NAME)?;
    let [key, tokens] = call.args() else { return None };
    match tokens.downcast_ref::<Literal>()?.value() {
        ScalarValue::List(tokens) => {
            Some((key, tokens.values().as_primitive_opt::<Int64Type>()?.values()))
        }
        _ => None,
    }
}

/// Returns the function of such expressions, which is in no catalogue: nodes find it by its name.
pub(crate) fn route_function() -> ScalarUDF {
    ScalarUDF::from(RouteToSlice::new())
}

/// Returns for each slice a number that DataFusion's hash puts into the partition of that number.
fn tokens(slice_count: usize) -> Result<Vec<i64>> {
    let schema = Arc::new(Schema::new(vec![Field::new("token", DataType::Int64, false)]));
    let token = Arc::new(Column::new("token", 0)) as Arc<dyn PhysicalExpr>;
    let mut partitioner =
        BatchPartitioner::new_hash_partitioner(vec![token], slice_count, Time::default())?;
    let mut tokens = vec![None; slice_count];
    let mut next = 0;
    while tokens.contains(&None) {
        let last = next + (slice_count * TRIES_PER_SLICE) as i64;
        let tried = Arc::new(Int64Array::from_iter_values(next..last)) as ArrayRef;
        partitioner.partition(
            RecordBatch::try_new(Arc::clone(&schema), vec![tried])?,
            |partition, found| {
                let found = found.column(0).as_primitive::<Int64Type>();
                if let (Some(token), Some(first)) = (tokens.get_mut(partition), found.iter().next())
                {
                    *token = token.or(first);
                }
                Ok(())
            },
        )?;
        next = last;
    }
    Ok(tokens.into_iter().flatten().collect())
}

/// `rs_route(key, tokens)`: the token of the slice that the key belongs to.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RouteToSlice {
    signature: Signature,
}

impl RouteToSlice {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for RouteToSlice {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [key, ColumnarValue::Scalar(ScalarValue::List(tokens))] = call.args.as_slice() else {
            return internal_err!("{NAME} takes a key and the tokens of the slices");
        };
        let tokens = tokens.values().as_primitive::<Int64Type>().values();
        let Ok(slice_count) = u32::try_from(tokens.len()) else {
            return internal_err!("{NAME} with {} tokens", tokens.len());
        };
        let key = key.to_array(call.number_rows)?;
        let hashes = hash_array(key.as_ref())
            .map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))?;
        let routes = hashes.into_iter().map(|hash| {
            let slice = slice_of_hash(hash, slice_count);
            usize::try_from(slice.0).ok().and_then(|slice| tokens.get(slice)).copied()
        });
        Ok(ColumnarValue::Array(Arc::new(routes.collect::<Int64Array>())))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array as _, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array,
        Int32Array, StringViewArray, TimestampMicrosecondArray,
    };

    use super::*;
    use crate::distribution::{RowDistribution, SliceRouter};

    /// Keys of every type that a DISTKEY can have.
    fn keys() -> Vec<ArrayRef> {
        let numbers = || (-150_i64..150).map(|n| (n % 13 != 0).then_some(n * 7_919));
        let narrow = || numbers().map(|n| n.map(|n| i32::try_from(n).unwrap()));
        let texts = numbers().map(|n| n.map(|n| format!("key {n} of some length ")));
        let decimals = numbers().map(|n| n.map(i128::from)).collect::<Decimal128Array>();
        vec![
            Arc::new(numbers().collect::<Int64Array>()),
            Arc::new(narrow().collect::<Int32Array>()),
            Arc::new((-150..150_i16).map(Some).collect::<Int16Array>()),
            Arc::new(narrow().collect::<Date32Array>()),
            Arc::new(numbers().collect::<TimestampMicrosecondArray>()),
            Arc::new(numbers().map(|n| n.map(|n| n as f64 / 8.0)).collect::<Float64Array>()),
            Arc::new(numbers().map(|n| n.map(|n| n % 2 == 0)).collect::<BooleanArray>()),
            Arc::new(decimals.with_precision_and_scale(20, 3).unwrap()),
            Arc::new(texts.collect::<StringViewArray>()),
        ]
    }

    #[test]
    fn with_more_partitions_than_slices_the_first_are_the_slices() {
        for keys in keys() {
            let field = Field::new("k", keys.data_type().clone(), true);
            let schema = Arc::new(Schema::new(vec![field]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![keys]).unwrap();
            let key = Arc::new(Column::new("k", 0)) as Arc<dyn PhysicalExpr>;
            for (slices, partitions) in [(1, 2), (5, 6), (7, 9), (64, 66)] {
                let of_slices = route_to_slice(&key, &schema, slices).unwrap();
                let among = route_among(&of_slices, &schema, partitions).unwrap().unwrap();
                assert!(route_among(&key, &schema, partitions).unwrap().is_none());
                assert_eq!(
                    dealt_out(&among, &batch, partitions)[..slices],
                    dealt_out(&of_slices, &batch, slices)
                );
            }
        }
    }

    /// Returns the rows of each partition behind an exchange.
    fn dealt_out(
        route: &Arc<dyn PhysicalExpr>,
        batch: &RecordBatch,
        partitions: usize,
    ) -> Vec<Option<RecordBatch>> {
        let keys = vec![Arc::clone(route)];
        let mut exchange =
            BatchPartitioner::new_hash_partitioner(keys, partitions, Time::default()).unwrap();
        let mut dealt = vec![None; partitions];
        let add = |partition: usize, rows| {
            dealt[partition] = Some(rows);
            Ok(())
        };
        exchange.partition(batch.clone(), add).unwrap();
        dealt
    }

    #[test]
    fn every_row_comes_to_the_slice_that_stores_it() {
        for keys in keys() {
            let field = Field::new("k", keys.data_type().clone(), true);
            let schema = Arc::new(Schema::new(vec![field]));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![keys]).unwrap();
            let key = Arc::new(Column::new("k", 0)) as Arc<dyn PhysicalExpr>;
            for slice_count in 1..=257 {
                let route = route_to_slice(&key, &schema, slice_count).unwrap();
                let routed = dealt_out(&route, &batch, slice_count);
                let count = u32::try_from(slice_count).unwrap();
                let mut stored = vec![None; slice_count];
                for (slice, rows) in
                    SliceRouter::new(RowDistribution::Key(0), count).route(&batch).unwrap()
                {
                    stored[slice.0 as usize] = Some(rows);
                }
                assert_eq!(routed, stored, "{} on {slice_count}", schema.field(0).data_type());
            }
        }
    }
}
