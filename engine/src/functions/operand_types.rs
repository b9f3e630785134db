//! Operands that take the type of what stands beside them, as Redshift's implicit casts do.
//!
//! | written                              | bound                                             |
//! |--------------------------------------|---------------------------------------------------|
//! | `timestamp > '2008-01-01 00:00'`     | `timestamp > '2008-01-01 00:00'::timestamp`       |
//! | `boolean = 't'`, `boolean = 1`       | `boolean = 't'::boolean`, `boolean = 1::boolean`  |
//! | `2 || 3`                             | `2::varchar || 3::varchar`                        |
//! | `date - interval '4 months'`         | `date::timestamp - interval '4 months'`           |
//! | `date <= date '1998-12-01' - interval '90 days'` | as it is: both sides are whole days   |
//!
//! DataFusion would compare nanoseconds, parse texts its own way, or refuse.

use datafusion::{
    arrow::datatypes::DataType,
    common::{DFSchema, ScalarValue, tree_node::Transformed},
    error::Result,
    logical_expr::{
        BinaryExpr, Cast, Expr, ExprSchemable, Operator, cast,
        planner::{ExprPlanner, PlannerResult, RawBinaryExpr},
    },
};
use sqlparser::ast::BinaryOperator;

use crate::types::SqlType;

/// The part of the module that runs while a query is bound, because DataFusion checks types then.
#[derive(Debug)]
pub(super) struct OperandTypes;

impl ExprPlanner for OperandTypes {
    fn plan_binary_op(
        &self,
        mut raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if !matters(&raw.op) {
            return Ok(PlannerResult::Original(raw));
        }
        // A column that is not there: DataFusion says so, and where.
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        match raw.op {
            BinaryOperator::Plus | BinaryOperator::Minus => {
                let is_interval = |t: &DataType| matches!(t, DataType::Interval(_));
                if left == DataType::Date32 && is_interval(&right) {
                    raw.left = cast(raw.left, SqlType::Timestamp.arrow());
                } else if is_interval(&left) && right == DataType::Date32 {
                    raw.right = cast(raw.right, SqlType::Timestamp.arrow());
                }
            }
            BinaryOperator::StringConcat => {
                let is_plain = |t: &DataType| t.is_numeric() || t.is_temporal();
                if is_plain(&left) && is_plain(&right) {
                    raw.left = cast(raw.left, DataType::Utf8View);
                    raw.right = cast(raw.right, DataType::Utf8View);
                }
            }
            _ => {
                raw.left = beside(raw.left, &left, &right).data;
                raw.right = beside(raw.right, &right, &left).data;
            }
        }
        Ok(PlannerResult::Original(raw))
    }
}

fn matters(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::StringConcat
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    )
}

/// Returns an operand as it is compared with one of the `other` type.
pub(crate) fn beside(operand: Expr, own: &DataType, other: &DataType) -> Transformed<Expr> {
    if *other == DataType::Date32
        && let Some(day) = whole_day(&operand)
    {
        return Transformed::yes(day);
    }
    let is_moment =
        matches!(other, DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..));
    let is_boolean = *other == DataType::Boolean;
    match own {
        text if text.is_string() && (is_moment || is_boolean) => {
            Transformed::yes(cast(operand, other.clone()))
        }
        integer if integer.is_integer() && is_boolean => {
            Transformed::yes(cast(operand, other.clone()))
        }
        _ => Transformed::no(operand),
    }
}

/// Returns a DATE plus or minus an interval of whole days as a DATE: its time is midnight.
fn whole_day(expression: &Expr) -> Option<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expression else { return None };
    let Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) = right.as_ref() else {
        return None;
    };
    if interval.nanoseconds != 0 || !matches!(op, Operator::Plus | Operator::Minus) {
        return None;
    }
    let day = match left.as_ref() {
        Expr::Cast(Cast { expr, field }) if *field.data_type() == SqlType::Timestamp.arrow() => {
            is_day(expr).then(|| expr.as_ref().clone())?
        }
        nested => whole_day(nested)?,
    };
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(day), *op, right.clone())))
}

/// Returns whether an expression is a DATE by its form: a literal.
fn is_day(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(ScalarValue::Date32(_), _) => true,
        Expr::Cast(cast) => *cast.field.data_type() == DataType::Date32,
        _ => false,
    }
}
