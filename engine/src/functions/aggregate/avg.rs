//! `AVG(x)` is `SUM(x) / COUNT(x)`: of integers a BIGINT, cut; of NUMERIC(p, s) a NUMERIC(38, s).
//!
//! Said as two aggregates, it shares them with the SUM and COUNT that often stand beside it.

use std::sync::Arc;

use datafusion::{
    error::Result,
    logical_expr::{
        AggregateUDF, Expr, WindowFunctionDefinition,
        expr::{AggregateFunction, WindowFunction, WindowFunctionParams},
        planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr},
    },
};

use crate::functions::arithmetic::avg_quotient;

/// The names AVG is called by.
fn is_avg(name: &str) -> bool {
    name == "avg"
}

/// See the module.
#[derive(Debug)]
pub(crate) struct AvgIsQuotient {
    /// The very functions that SUM and COUNT are, or a plan would not see that they are the same.
    pub(crate) sum: Arc<AggregateUDF>,
    pub(crate) count: Arc<AggregateUDF>,
}

impl AvgIsQuotient {
    fn quotient(&self, of: impl Fn(&Arc<AggregateUDF>) -> Expr) -> Expr {
        avg_quotient().call(vec![of(&self.sum), of(&self.count)])
    }
}

impl ExprPlanner for AvgIsQuotient {
    fn plan_aggregate(&self, raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        if !is_avg(raw.func.name()) {
            return Ok(PlannerResult::Original(raw));
        }
        Ok(PlannerResult::Planned(self.quotient(|function| {
            Expr::AggregateFunction(AggregateFunction::new_udf(
                Arc::clone(function),
                raw.args.clone(),
                raw.distinct,
                raw.filter.clone(),
                raw.order_by.clone(),
                raw.null_treatment,
            ))
        })))
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        if !is_avg(raw.func_def.name()) {
            return Ok(PlannerResult::Original(raw));
        }
        Ok(PlannerResult::Planned(self.quotient(|function| {
            let params = WindowFunctionParams {
                args: raw.args.clone(),
                partition_by: raw.partition_by.clone(),
                order_by: raw.order_by.clone(),
                window_frame: raw.window_frame.clone(),
                filter: raw.filter.clone(),
                null_treatment: raw.null_treatment,
                distinct: raw.distinct,
            };
            let fun = WindowFunctionDefinition::AggregateUDF(Arc::clone(function));
            Expr::WindowFunction(Box::new(WindowFunction { fun, params }))
        })))
    }
}
