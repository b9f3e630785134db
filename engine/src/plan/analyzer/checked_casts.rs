//! A cast that can fail says so as Redshift does, and one to text prints as Redshift does: `functions::cast` in
//! place of DataFusion's.
//!
//! Casts of literals are computed here and now, so that later rules compare values of one type: they
//! would take `a = 5` and `a = '5'` for a contradiction.

use datafusion::{
    arrow::datatypes::DataType,
    common::{
        ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    error::Result,
    logical_expr::{
        Cast, Expr, ExprSchemable, LogicalPlan, expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use crate::functions::cast;

/// See the module.
#[derive(Debug)]
pub(super) struct CheckedCasts;

impl AnalyzerRule for CheckedCasts {
    fn name(&self) -> &str {
        "checked_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(node)?.data)
    }
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        // Names cost more than looking for a cast.
        if !expression.exists(|inner| Ok(matches!(inner, Expr::Cast(_))))? {
            return Ok(Transformed::no(expression));
        }
        let name = names.save(&expression);
        let checked = expression.transform_up(|inner| {
            let Expr::Cast(cast) = inner else { return Ok(Transformed::no(inner)) };
            let from = cast.expr.get_type(&schema)?;
            checked(cast, &from)
        })?;
        Ok(checked.update_data(|expression| name.restore(expression)))
    })
}

fn checked(cast: Cast, from: &DataType) -> Result<Transformed<Expr>> {
    let to = cast.field.data_type();
    if !cast::is_ours(from, to) {
        return Ok(Transformed::no(Expr::Cast(cast)));
    }
    if let Expr::Literal(value, _) = cast.expr.as_ref() {
        return Ok(Transformed::yes(Expr::Literal(cast::scalar(value, to)?, None)));
    }
    let target = Expr::Literal(ScalarValue::try_from(to)?, None);
    Ok(Transformed::yes(cast::udf().call(vec![*cast.expr, target])))
}
