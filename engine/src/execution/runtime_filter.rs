//! Filters that are found while a query runs, evaluated inside the scan.
//!
//! A join knows the keys of its build side, a TopK its last row, before most of the probe side is read.
//! DataFusion makes that known as a dynamic filter; Vortex cannot express it. Here it becomes a function
//! of Vortex over the filter's columns, so that the scan decodes those first, and the other columns
//! only of the rows that pass.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arrow::{
    array::{Array, BooleanArray, RecordBatch, RecordBatchOptions},
    compute::prep_null_mask_filter,
    datatypes::{Schema, SchemaRef},
};
use datafusion::{
    common::{DataFusionError, Result, ScalarValue, cast::as_boolean_array},
    logical_expr::ColumnarValue,
    physical_expr::{
        DynamicFilterTracking, PhysicalExpr,
        utils::{collect_columns, reassign_expr_columns},
    },
};
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
    expr::{Expression, col},
    scalar_fn::{Arity, ChildName, ExecutionArgs, ScalarFnId, ScalarFnVTable, ScalarFnVTableExt},
    session::{VortexSession, registry::CachedId},
};
use vortex_datafusion::convert::{DefaultExpressionConverter, ExpressionConverter};

use super::row_address::position_in_vortex;

/// A filter that keeps more of the rows than this is not worth evaluating: the join does it again.
const KEPT_PERCENT_MAX: u32 = 70;
/// One of so many batches shows whether that is still so.
const RETRY_BATCHES: u32 = 16;

/// Makes Vortex's expressions of DataFusion's, dynamic filters and row positions included.
pub(super) struct FilterConverter(DefaultExpressionConverter);

impl FilterConverter {
    pub(super) fn new(session: &VortexSession) -> Self {
        Self(DefaultExpressionConverter::new(session.clone()))
    }
}

impl ExpressionConverter for FilterConverter {
    fn try_convert(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        schema: &Schema,
    ) -> Result<Option<Expression>> {
        if DynamicFilterTracking::classify(expr).contains_dynamic_filter() {
            return RuntimeFilter::of(expr, schema);
        }
        match position_in_vortex(expr) {
            Some(position) => Ok(Some(position)),
            None => self.0.try_convert(expr, schema),
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
    /// How many of a hundred rows passed lately.
    kept_percent: AtomicU32,
    /// Batches that were let through unseen.
    unseen: AtomicU32,
}

impl RuntimeFilter {
    /// Returns the call of a predicate; `None` if it is about no column.
    fn of(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Option<Expression>> {
        let mut columns =
            collect_columns(expr).iter().map(|c| c.name().to_owned()).collect::<Vec<_>>();
        columns.sort_unstable();
        columns.dedup();
        if columns.is_empty() {
            return Ok(None);
        }
        let fields = columns.iter().map(|name| Ok(schema.field_with_name(name)?.clone()));
        let schema = Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?));
        let predicate = Predicate {
            expr: reassign_expr_columns(Arc::clone(expr), &schema)?,
            schema,
            kept_percent: AtomicU32::new(0),
            unseen: AtomicU32::new(0),
        };
        let arguments = columns.iter().map(|name| col(name.as_str()));
        let call = CallRuntimeFilter
            .try_new_expr(Self(Arc::new(predicate)), arguments)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Some(call))
    }
}

impl Predicate {
    fn is_worthwhile(&self) -> bool {
        self.kept_percent.load(Ordering::Relaxed) <= KEPT_PERCENT_MAX
            || self.unseen.fetch_add(1, Ordering::Relaxed) % RETRY_BATCHES == RETRY_BATCHES - 1
    }

    /// Returns the rows that pass; `None` if all do.
    fn evaluate(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let passing = match self.expr.evaluate(batch)? {
            ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => return Ok(None),
            ColumnarValue::Scalar(_) => BooleanArray::from(vec![false; batch.num_rows()]),
            ColumnarValue::Array(array) => as_boolean_array(&array)?.clone(),
        };
        let passing =
            if passing.nulls().is_some() { prep_null_mask_filter(&passing) } else { passing };
        let rows = batch.num_rows().max(1);
        let percent = u32::try_from(passing.true_count() * 100 / rows).unwrap_or(100);
        let mean = u32::midpoint(self.kept_percent.load(Ordering::Relaxed), percent);
        self.kept_percent.store(mean, Ordering::Relaxed);
        Ok(Some(passing))
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
