//! Filters that are found while a query runs, evaluated inside the scan.
//!
//! A join knows the keys of its build side, a TopK its last row, before most of the probe side is read.
//! DataFusion makes that known as a dynamic filter; Vortex cannot express it. Here it becomes a function
//! of Vortex over the filter's columns, so that the scan decodes those first, and the other columns
//! only of the rows that pass.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arrow::{
    array::{BooleanArray, RecordBatch, RecordBatchOptions},
    compute::and,
    datatypes::{Schema, SchemaRef},
};
use datafusion::{
    common::{
        DataFusionError, Result,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    physical_expr::{
        DynamicFilterTracking, PhysicalExpr,
        expressions::{DynamicFilterPhysicalExpr, lit},
        split_conjunction,
        utils::{collect_columns, conjunction_opt, reassign_expr_columns},
    },
    physical_expr_common::physical_expr::snapshot_generation,
};
use parking_lot::{Mutex, RwLock};
use vortex::{
    array::{
        ArrayRef, ExecutionCtx, IntoArray,
        arrays::{BoolArray, ConstantArray},
        validity::Validity,
    },
    arrow::ArrowSessionExt,
    buffer::BitBuffer,
    dtype::{DType, Nullability},
    error::{VortexResult, vortex_err},
    expr::{Expression, col, lit as constant},
    scalar_fn::{Arity, ChildName, ExecutionArgs, ScalarFnId, ScalarFnVTable, ScalarFnVTableExt},
    session::{VortexSession, registry::CachedId},
};
use vortex_datafusion::convert::{DefaultExpressionConverter, ExpressionConverter};

use super::{
    init_plans::with_values_or_null,
    key_filter::{KeyFilter, passing_rows},
    row_address::position_in_vortex,
};

/// A filter that keeps more of the rows than this is not worth evaluating: the join does it again.
const KEPT_PERCENT_MAX: u32 = 70;
/// One of so many batches shows whether that is still so.
const RETRY_BATCHES: u32 = 16;

/// Makes Vortex's expressions of DataFusion's, dynamic filters and row positions included.
pub(super) struct FilterConverter {
    others: DefaultExpressionConverter,
    /// What all runs of a scan share: what is learnt of a filter in one holds in the next.
    predicates: Mutex<HashMap<u64, RuntimeFilter>>,
}

impl FilterConverter {
    pub(super) fn new(session: &VortexSession) -> Self {
        let others = DefaultExpressionConverter::new(session.clone());
        Self { others, predicates: Mutex::default() }
    }

    fn runtime_filter(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        schema: &Schema,
    ) -> Result<Option<Expression>> {
        let mut columns =
            collect_columns(expr).iter().map(|c| c.name().to_owned()).collect::<Vec<_>>();
        columns.sort_unstable();
        columns.dedup();
        // About columns that this run lacks. The join or TopK that made the filter applies it again.
        if columns.is_empty() {
            return Ok(Some(constant(true)));
        }
        let fields = columns.iter().map(|name| Ok(schema.field_with_name(name)?.clone()));
        let schema = Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?));
        let known = expr.expression_id().and_then(|id| self.predicates.lock().get(&id).cloned());
        let filter = match known.filter(|known| known.0.schema == schema) {
            Some(known) => known,
            None => {
                let own = reassign_expr_columns(Arc::clone(expr), &schema)?;
                let filter = RuntimeFilter::new(own, schema)?;
                if let Some(id) = expr.expression_id() {
                    self.predicates.lock().entry(id).or_insert_with(|| filter.clone());
                }
                filter
            }
        };
        let arguments = columns.iter().map(|name| col(name.as_str()));
        let call = CallRuntimeFilter
            .try_new_expr(filter, arguments)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Some(call))
    }
}

impl ExpressionConverter for FilterConverter {
    fn try_convert(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        schema: &Schema,
    ) -> Result<Option<Expression>> {
        if DynamicFilterTracking::classify(expr).contains_dynamic_filter() {
            return self.runtime_filter(expr, schema);
        }
        match position_in_vortex(expr) {
            Some(position) => Ok(Some(position)),
            // Asked first by who plans, before any subquery has run.
            None => self.others.try_convert(&with_values_or_null(Arc::clone(expr))?, schema),
        }
    }
}

/// A predicate of DataFusion's over some columns of a run.
#[derive(Clone)]
struct RuntimeFilter(Arc<Predicate>);

struct Predicate {
    /// Over `schema`.
    expr: Arc<dyn PhysicalExpr>,
    /// The columns of the predicate, in the order of the function's arguments.
    schema: SchemaRef,
    /// What the predicate says now.
    current: RwLock<Arc<Conjuncts>>,
    /// How many of a hundred rows passed lately.
    kept_percent: AtomicU32,
    /// Batches that were let through unseen.
    unseen: AtomicU32,
}

impl RuntimeFilter {
    /// Returns the filter of `expr` over `schema`.
    fn new(expr: Arc<dyn PhysicalExpr>, schema: SchemaRef) -> Result<Self> {
        let current = RwLock::new(Arc::new(Conjuncts::of(&expr, &schema)?));
        let (kept_percent, unseen) = (AtomicU32::new(0), AtomicU32::new(0));
        Ok(Self(Arc::new(Predicate { expr, schema, current, kept_percent, unseen })))
    }
}

impl Predicate {
    fn is_worthwhile(&self) -> bool {
        self.kept_percent.load(Ordering::Relaxed) <= KEPT_PERCENT_MAX
            || self.unseen.fetch_add(1, Ordering::Relaxed) % RETRY_BATCHES == RETRY_BATCHES - 1
    }

    fn current(&self) -> Result<Arc<Conjuncts>> {
        let generation = snapshot_generation(&self.expr);
        let current = Arc::clone(&self.current.read());
        if current.generation == generation {
            return Ok(current);
        }
        let mut current = self.current.write();
        if current.generation != generation {
            *current = Arc::new(Conjuncts::of(&self.expr, &self.schema)?);
        }
        Ok(Arc::clone(&current))
    }

    /// Returns the rows that pass; `None` if all do.
    fn evaluate(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let Some(passing) = self.current()?.evaluate(batch)? else { return Ok(None) };
        let rows = batch.num_rows().max(1);
        let percent = u32::try_from(passing.true_count() * 100 / rows).unwrap_or(100);
        let mean = u32::midpoint(self.kept_percent.load(Ordering::Relaxed), percent);
        self.kept_percent.store(mean, Ordering::Relaxed);
        Ok(Some(passing))
    }
}

/// What a predicate says until its next generation.
struct Conjuncts {
    generation: u64,
    keys: Vec<KeyFilter>,
    /// `None` if there is nothing else.
    others: Option<Arc<dyn PhysicalExpr>>,
}

impl Conjuncts {
    fn of(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Self> {
        // Asked first: what changes meanwhile is seen with the next batch.
        let generation = snapshot_generation(expr);
        let now = Arc::clone(expr).transform_down(|expr| {
            match expr.downcast_ref::<DynamicFilterPhysicalExpr>() {
                Some(filter) => Ok(Transformed::yes(filter.current()?)),
                None => Ok(Transformed::no(expr)),
            }
        });
        let (now, always) = (now.data()?, lit(true));
        let conjuncts = split_conjunction(&now).into_iter();
        let conjuncts = conjuncts.filter(|conjunct| conjunct.as_ref() != always.as_ref()).cloned();
        let (keys, others) = KeyFilter::split(conjuncts.collect(), schema)?;
        Ok(Self { generation, keys, others: conjunction_opt(others) })
    }

    /// Returns the rows that pass; `None` if all do.
    fn evaluate(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let mut passing: Option<BooleanArray> = None;
        let keys = self.keys.iter().map(|keys| keys.evaluate(batch));
        for rows in keys.chain(self.others.iter().map(|others| passing_rows(others, batch))) {
            passing = Some(match passing {
                None => rows?,
                Some(before) => and(&before, &rows?)?,
            });
        }
        Ok(passing)
    }
}

impl fmt::Debug for RuntimeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RuntimeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.expr)
    }
}

// Two filters are the same if they are one: what they let through changes.
impl PartialEq for RuntimeFilter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for RuntimeFilter {}

impl Hash for RuntimeFilter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// The function of Vortex whose options are the filter and whose arguments are its columns.
#[derive(Clone)]
struct CallRuntimeFilter;

impl ScalarFnVTable for CallRuntimeFilter {
    type Options = RuntimeFilter;

    fn id(&self) -> ScalarFnId {
        static ID: CachedId = CachedId::new("blueshift.runtime_filter");
        *ID
    }

    fn arity(&self, filter: &RuntimeFilter) -> Arity {
        Arity::Exact(filter.0.schema.fields().len())
    }

    fn child_name(&self, filter: &RuntimeFilter, index: usize) -> ChildName {
        let fields = filter.0.schema.fields();
        let name = fields.get(index).map_or("", |field| field.name().as_str());
        ChildName::from(Arc::<str>::from(name))
    }

    fn return_dtype(&self, _filter: &RuntimeFilter, _arguments: &[DType]) -> VortexResult<DType> {
        Ok(DType::Bool(Nullability::NonNullable))
    }

    fn execute(
        &self,
        filter: &RuntimeFilter,
        arguments: &dyn ExecutionArgs,
        ctx: &mut ExecutionCtx,
    ) -> VortexResult<ArrayRef> {
        let predicate = &filter.0;
        let rows = arguments.row_count();
        if !predicate.is_worthwhile() {
            return Ok(ConstantArray::new(true, rows).into_array());
        }
        let session = ctx.session().clone();
        let columns = predicate.schema.fields().iter().enumerate().map(|(index, field)| {
            session.arrow().execute_arrow(arguments.get(index)?, Some(field), ctx)
        });
        let columns = columns.collect::<VortexResult<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&predicate.schema), columns, &options)
                .map_err(|error| vortex_err!("a runtime filter: {error}"))?;
        let passing =
            predicate.evaluate(&batch).map_err(|error| vortex_err!("a runtime filter: {error}"))?;
        Ok(match passing {
            None => ConstantArray::new(true, rows).into_array(),
            Some(passing) => {
                let bits = BitBuffer::from(passing.values().clone());
                BoolArray::new(bits, Validity::NonNullable).into_array()
            }
        })
    }

    fn is_infallible(&self, _filter: &RuntimeFilter) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::Int64Array,
        datatypes::{DataType, Field},
    };
    use datafusion::{
        logical_expr::Operator,
        physical_expr::expressions::{binary, col as column, in_list},
    };

    use super::*;

    /// What a join says of its keys: their bounds, and that they are among them.
    fn among(keys: &[i64], schema: &Schema) -> Arc<dyn PhysicalExpr> {
        let key = column("k", schema).unwrap();
        let bound = |op, value: Option<&i64>| {
            binary(Arc::clone(&key), op, lit(*value.unwrap()), schema).unwrap()
        };
        let (least, greatest) = (keys.iter().min(), keys.iter().max());
        let list = keys.iter().map(|key| lit(*key)).collect();
        let is_key = in_list(Arc::clone(&key), list, &false, schema).unwrap();
        let bounds = [bound(Operator::GtEq, least), bound(Operator::LtEq, greatest), is_key];
        conjunction_opt(bounds).unwrap()
    }

    #[test]
    fn a_filter_passes_what_it_says_now() {
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true)]));
        let key = column("k", &schema).unwrap();
        let moving = Arc::new(DynamicFilterPhysicalExpr::new(vec![key], lit(true)));
        let filter = RuntimeFilter::new(Arc::clone(&moving) as _, Arc::clone(&schema)).unwrap();
        let values =
            Int64Array::from(vec![Some(i64::MIN), None, Some(3), Some(4), Some(7), Some(8)]);
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(values)]).unwrap();
        let passing = || filter.0.evaluate(&batch).unwrap();
        assert_eq!(passing(), None, "nothing is known yet");

        for (keys, expected) in [
            (vec![3, 7], [false, false, true, false, true, false]),
            (vec![-1, 4, 8], [false, false, false, true, false, true]),
            (vec![9, i64::MAX], [false; 6]),
        ] {
            moving.update(among(&keys, &schema)).unwrap();
            let expected = Some(BooleanArray::from(expected.to_vec()));
            // At first by the list, then by bits.
            for _ in 0..3 {
                assert_eq!(passing(), expected, "{keys:?}");
            }
        }
        moving.update(lit(false)).unwrap();
        assert_eq!(passing(), Some(BooleanArray::from(vec![false; 6])));
    }

    #[test]
    fn a_filter_that_keeps_most_rows_is_rarely_asked() {
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true)]));
        let filter = RuntimeFilter::new(among(&[1, 2, 3], &schema), Arc::clone(&schema)).unwrap();
        let values = Arc::new(Int64Array::from(vec![1, 2, 3, 2]));
        let batch = RecordBatch::try_new(schema, vec![values]).unwrap();
        for _ in 0..8 {
            filter.0.evaluate(&batch).unwrap();
        }
        let asked = (0..RETRY_BATCHES).filter(|_| filter.0.is_worthwhile()).count();
        assert_eq!(asked, 1);
    }
}
