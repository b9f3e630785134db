//! `+` of two texts joins them; a text literal beside a number is a number of its type: `'5' + 1` is 6.

use datafusion::{
    common::DFSchema,
    error::Result,
    logical_expr::{
        BinaryExpr, Expr, ExprSchemable, Operator, cast,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr},
    },
};
use sqlparser::ast::BinaryOperator;

/// See the module.
#[derive(Debug)]
pub(super) struct TextOperators;

impl ExprPlanner for TextOperators {
    fn plan_binary_op(
        &self,
        mut raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_arithmetic = matches!(
            raw.op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
        );
        if !is_arithmetic {
            return Ok(PlannerResult::Original(raw));
        }
        // A column that is not there: DataFusion says so, and where.
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        if left.is_string() && right.is_string() && raw.op == BinaryOperator::Plus {
            let joined =
                BinaryExpr::new(Box::new(raw.left), Operator::StringConcat, Box::new(raw.right));
            return Ok(PlannerResult::Planned(Expr::BinaryExpr(joined)));
        }
        let is_literal = |side: &Expr| matches!(side, Expr::Literal(..));
        if left.is_string() && is_literal(&raw.left) && right.is_numeric() {
            raw.left = cast(raw.left, right);
        } else if right.is_string() && is_literal(&raw.right) && left.is_numeric() {
            raw.right = cast(raw.right, left);
        }
        Ok(PlannerResult::Original(raw))
    }
}
