//! Arithmetic that can fail: Vortex is not asked to do it.
//!
//! Vortex reports a division by zero and an overflow as one kind of error, in words of its own.
//! DataFusion tells them apart, and so does SQL (22012, 22003). Decimals and floats overflow nowhere
//! near what a column holds, so that only their division counts.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::{
    logical_expr::Operator,
    physical_expr::{PhysicalExpr, expressions::BinaryExpr},
};

/// Returns whether evaluating an expression over rows of `schema` may end in an arithmetic error.
pub(super) fn may_fail(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let fails_here = expression.downcast_ref::<BinaryExpr>().is_some_and(|binary| {
        let is_integer = || {
            // What has no type cannot be trusted.
            binary.data_type(schema).map_or(true, |data_type| data_type.is_integer())
        };
        match binary.op() {
            Operator::Divide | Operator::Modulo => true,
            Operator::Plus | Operator::Minus | Operator::Multiply => is_integer(),
            _ => false,
        }
    });
    fails_here || expression.children().into_iter().any(|child| may_fail(child, schema))
}
