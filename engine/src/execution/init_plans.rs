//! Values of scalar subqueries that run before their query: InitPlans, as PostgreSQL calls them ([`ScalarSubqueryExec`]).
//!
//! Expressions look such a value up where it is kept. To a scan it is a constant, which leaves out blocks as any other
//! does; to another node the values go with the piece of the plan that looks them up:
//!
//! ```text
//!  leader                                   compute node
//!  ScalarSubqueryExec                       ScalarSubqueryExec
//!   ├─ plan  ── pieces, with values ────▶    ├─ piece
//!   └─ InitPlans, which run first            └─ InitPlanValueExec …
//! ```

use std::{fmt, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema},
};
use datafusion::{
    common::{
        Result, ScalarValue, internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{
        ColumnarValue,
        physical_planning_context::{ScalarSubqueryResults, SubqueryIndex},
    },
    physical_expr::{
        EquivalenceProperties, Partitioning, PhysicalExpr, expressions::lit,
        scalar_subquery::ScalarSubqueryExpr,
    },
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
        execution_plan::{Boundedness, EmissionType},
        scalar_subquery::{ScalarSubqueryExec, ScalarSubqueryLink},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::stream;

/// Returns an expression with constants for the values that are known.
pub(super) fn with_known_values(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    with_values(expr, known_value)
}

/// As [`with_known_values`]; a value that is not known yet is NULL: for what matters of a value its type alone.
pub(super) fn with_values_or_null(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    with_values(expr, |subquery| {
        let null = || ScalarValue::try_from(&subquery.data_type(&Schema::empty()).ok()?).ok();
        known_value(subquery).or_else(null)
    })
}

fn with_values(
    expr: Arc<dyn PhysicalExpr>,
    value: impl Fn(&dyn PhysicalExpr) -> Option<ScalarValue>,
) -> Result<Arc<dyn PhysicalExpr>> {
    let replaced = expr.transform_up(|expr| {
        let value = if expr.is::<ScalarSubqueryExpr>() { value(expr.as_ref()) } else { None };
        Ok(value.map_or_else(|| Transformed::no(expr), |value| Transformed::yes(lit(value))))
    });
    replaced.data()
}

fn known_value(subquery: &dyn PhysicalExpr) -> Option<ScalarValue> {
    let no_rows = RecordBatch::new_empty(Arc::new(Schema::empty()));
    match subquery.evaluate(&no_rows) {
        Ok(ColumnarValue::Scalar(value)) => Some(value),
        // It has not run yet.
        Ok(ColumnarValue::Array(_)) | Err(_) => None,
    }
}

/// Returns a piece of a plan that takes the values of scalar subqueries with it when it is sent to another node.
pub fn with_init_plan_values(
    piece: Arc<dyn ExecutionPlan>,
    subqueries: &[ScalarSubqueryLink],
    results: &ScalarSubqueryResults,
) -> Arc<dyn ExecutionPlan> {
    let values = subqueries.iter().map(|subquery| {
        let field = subquery.plan.schema().field(0).clone();
        let value = InitPlanValueExec::new(field, results.clone(), subquery.index);
        ScalarSubqueryLink { plan: Arc::new(value), index: subquery.index }
    });
    let values = values.collect::<Vec<_>>();
    // Filled where the piece runs, and nowhere else.
    let received = ScalarSubqueryResults::new(values.len());
    Arc::new(ScalarSubqueryExec::new(piece, values, received))
}

/// One row: the value of a subquery that has run elsewhere.
#[derive(Debug)]
pub(super) struct InitPlanValueExec {
    results: ScalarSubqueryResults,
    index: SubqueryIndex,
    properties: Arc<PlanProperties>,
}

impl InitPlanValueExec {
    fn new(field: Field, results: ScalarSubqueryResults, index: SubqueryIndex) -> Self {
        let schema = Arc::new(Schema::new(vec![field.with_nullable(true)]));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { results, index, properties: Arc::new(properties) }
    }

    /// Returns the row of a value that was received.
    pub(super) fn received(value: ScalarValue) -> Result<Self> {
        let field = Field::new("value", value.data_type(), true);
        let (results, index) = (ScalarSubqueryResults::new(1), SubqueryIndex::new(0));
        results.set(index, value)?;
        Ok(Self::new(field, results, index))
    }

    /// Returns the value.
    ///
    /// Errors: the subquery has not run, which is a defect.
    pub(super) fn value(&self) -> Result<ScalarValue> {
        match self.results.get(self.index) {
            Some(value) => Ok(value),
            None => internal_err!("a scalar subquery has not run before its query"),
        }
    }
}

impl DisplayAs for InitPlanValueExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for InitPlanValueExec {
    fn name(&self) -> &'static str {
        "InitPlanValueExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let row = RecordBatch::try_new(Arc::clone(&schema), vec![self.value()?.to_array()?])?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter([Ok(row)]))))
    }
}
