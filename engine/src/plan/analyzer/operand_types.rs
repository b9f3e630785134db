//! Operands that take the type of what stands beside them, where [`operand_types`] cannot see them while
//! the query is bound: BETWEEN, IN and LIKE.

use datafusion::{
    arrow::datatypes::DataType,
    common::{
        DFSchema,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    error::Result,
    logical_expr::{
        Between, Expr, ExprSchemable, Like, LogicalPlan, cast, expr::InList,
        expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use crate::functions::operand_types;

/// See the module.
#[derive(Debug)]
pub(super) struct OperandTypes;

impl AnalyzerRule for OperandTypes {
    fn name(&self) -> &str {
        "operand_types"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(node)?.data)
    }
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expression| {
        // Names cost more than looking for an operand.
        if !expression.exists(|inner| Ok(matters(inner)))? {
            return Ok(Transformed::no(expression));
        }
        let name = names.save(&expression);
        let typed = expression.transform_up(|inner| typed(inner, &schema))?;
        Ok(typed.update_data(|expression| name.restore(expression)))
    })?;
    match plan.transformed {
        true => Ok(Transformed::yes(plan.data.recompute_schema()?)),
        false => Ok(plan),
    }
}

fn matters(expression: &Expr) -> bool {
    matches!(expression, Expr::Between(_) | Expr::InList(_) | Expr::Like(_))
}

fn typed(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::Between(Between { expr, negated, low, high }) => {
            let mut operands = [*expr, *low, *high];
            let changed = agree(&mut operands, schema)?;
            let [expr, low, high] = operands.map(Box::new);
            let between = Expr::Between(Between { expr, negated, low, high });
            Ok(Transformed::new_transformed(between, changed))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let mut operands: Vec<Expr> = std::iter::once(*expr).chain(list).collect();
            let changed = agree(&mut operands, schema)?;
            let expr = Box::new(operands.remove(0));
            let list = Expr::InList(InList { expr, list: operands, negated });
            Ok(Transformed::new_transformed(list, changed))
        }
        Expr::Like(Like { expr, pattern, negated, escape_char, case_insensitive }) => {
            let given = expr.get_type(schema)?;
            let is_other = given.is_numeric() || given.is_temporal();
            let expr = if is_other { Box::new(cast(*expr, DataType::Utf8View)) } else { expr };
            let like = Like { expr, pattern, negated, escape_char, case_insensitive };
            Ok(Transformed::new_transformed(Expr::Like(like), is_other))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Gives literals the type of the first operand that is none. Returns whether one has changed.
fn agree(operands: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    let types = operands.iter().map(|operand| operand.get_type(schema));
    let types = types.collect::<Result<Vec<_>>>()?;
    let is_known = |given: &&DataType| {
        matches!(given, DataType::Boolean) || (given.is_temporal() && !given.is_null())
    };
    let Some(known) = types.iter().find(is_known) else { return Ok(false) };
    let mut changed = false;
    for (operand, own) in operands.iter_mut().zip(&types) {
        let beside = operand_types::beside(std::mem::take(operand), own, known);
        changed |= beside.transformed;
        *operand = beside.data;
    }
    Ok(changed)
}
