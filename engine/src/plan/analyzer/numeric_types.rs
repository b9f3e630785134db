//! Numbers have Redshift's types: "Computations with numeric values" of its documentation.
//!
//! * An integer literal is an INTEGER if it fits, else a BIGINT, else a NUMERIC.
//! * Integers are computed in the wider of their types; what does not fit fails.
//! * Beside a DECIMAL an integer is a DECIMAL of 5, 10 or 19 digits; beside a float everything is a
//!   DOUBLE PRECISION, but two REALs stay REAL.
//!
//! Plans are rewritten from the leaves up. A correlated subquery is rewritten before the query around
//! it, so when the types of outer columns have changed it is rewritten again.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::DataType,
    common::{
        DFSchema, ExprSchema, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    error::Result,
    logical_expr::{
        BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, Projection, RecursiveQuery, cast,
        expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::{AnalyzerRule, analyzer::type_coercion::TypeCoercionRewriter},
};

use crate::{
    functions::arithmetic::{Operation, wider_integer},
    types::Digits,
};

/// See the module.
#[derive(Debug)]
pub(super) struct NumericTypes;

impl AnalyzerRule for NumericTypes {
    fn name(&self) -> &str {
        "numeric_types"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan)
    }
}

fn rewrite(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(node)?.data)
}

/// Rewrites the expressions of one node; its inputs have been rewritten.
fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let plan = match plan {
        // The types of a VALUES list are fixed with its schema.
        LogicalPlan::Values(_) => return Ok(Transformed::no(plan)),
        // DataFusion counts rows in Int64.
        LogicalPlan::Limit(_) => return Ok(Transformed::no(plan)),
        LogicalPlan::Union(union) => {
            return Ok(Transformed::yes(TypeCoercionRewriter::coerce_union(union)?));
        }
        LogicalPlan::RecursiveQuery(query) => return Ok(Transformed::yes(recursive(query)?)),
        plan => plan,
    };
    let schema = merge_schema(&plan.inputs());
    let plan = plan.map_subqueries(|subquery| with_outer_types(subquery, &schema))?.data;
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let typed = expression.transform_up(|inner| typed(inner, &schema))?;
        Ok(typed.update_data(|expression| name.restore(expression)))
    })?;
    Ok(Transformed::yes(plan.data.recompute_schema()?))
}

/// Tells a subquery the types that the columns of the query around it have now.
fn with_outer_types(subquery: LogicalPlan, outer: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    let mut changed = false;
    let told = subquery.transform_up_with_subqueries(|plan| {
        plan.map_expressions(|expression| {
            expression.transform_up(|inner| {
                let Expr::OuterReferenceColumn(field, column) = inner else {
                    return Ok(Transformed::no(inner));
                };
                match outer.field_from_column(&column) {
                    Ok(now) if now.data_type() != field.data_type() => {
                        changed = true;
                        let now = Arc::clone(now);
                        Ok(Transformed::yes(Expr::OuterReferenceColumn(now, column)))
                    }
                    _ => Ok(Transformed::no(Expr::OuterReferenceColumn(field, column))),
                }
            })
        })
    })?;
    match told.data {
        plan if changed => Ok(Transformed::yes(rewrite(plan)?)),
        plan => Ok(Transformed::no(plan)),
    }
}

/// Both terms of a recursive query keep the types it was bound with: the scan of its own rows, inside
/// the recursive term, has them.
fn recursive(query: RecursiveQuery) -> Result<LogicalPlan> {
    let schema = Arc::clone(&query.schema);
    let term = |term: Arc<LogicalPlan>| -> Result<Arc<LogicalPlan>> {
        let mut fields = term.schema().fields().iter().zip(schema.fields());
        if fields.all(|(now, bound)| now.data_type() == bound.data_type()) {
            return Ok(term);
        }
        let columns = term.schema().columns().into_iter().zip(schema.fields());
        let casts = columns.map(|(column, bound)| {
            let name = column.name.clone();
            cast(Expr::Column(column), bound.data_type().clone()).alias(name)
        });
        let projection = Projection::try_new(casts.collect(), Arc::clone(&term))?;
        Ok(Arc::new(LogicalPlan::Projection(projection)))
    };
    let (static_term, recursive_term) = (term(query.static_term)?, term(query.recursive_term)?);
    Ok(LogicalPlan::RecursiveQuery(RecursiveQuery { static_term, recursive_term, ..query }))
}

fn typed(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::Literal(value, metadata) => Ok(match narrow(&value) {
            Some(narrow) => Transformed::yes(Expr::Literal(narrow, metadata)),
            None => Transformed::no(Expr::Literal(value, metadata)),
        }),
        Expr::Negative(operand) if operand.get_type(schema)?.is_integer() => {
            let zero = ScalarValue::new_zero(&operand.get_type(schema)?)?;
            let zero = Expr::Literal(zero, None);
            Ok(Transformed::yes(Operation::Subtract.udf().call(vec![zero, *operand])))
        }
        Expr::BinaryExpr(binary) => {
            let types = (binary.left.get_type(schema)?, binary.right.get_type(schema)?);
            arithmetic(binary, types)
        }
        other => Ok(Transformed::no(other)),
    }
}

/// DataFusion reads an integer as Int64, else as UInt64.
fn narrow(value: &ScalarValue) -> Option<ScalarValue> {
    match value {
        ScalarValue::Int64(Some(number)) => {
            i32::try_from(*number).ok().map(|number| ScalarValue::Int32(Some(number)))
        }
        ScalarValue::UInt64(Some(number)) => {
            Some(ScalarValue::Decimal128(Some((*number).into()), 20, 0))
        }
        _ => None,
    }
}

fn arithmetic(
    binary: BinaryExpr,
    (left, right): (DataType, DataType),
) -> Result<Transformed<Expr>> {
    let operation = match binary.op {
        Operator::Plus => Some(Operation::Add),
        Operator::Minus => Some(Operation::Subtract),
        Operator::Multiply => Some(Operation::Multiply),
        Operator::Divide => Some(Operation::Divide),
        Operator::Modulo => None,
        _ => return Ok(Transformed::no(Expr::BinaryExpr(binary))),
    };
    let number = |t: &DataType| t.is_numeric() && !t.is_null();
    if !number(&left) || !number(&right) {
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    }
    let (operands, wraps) = if left.is_integer() && right.is_integer() {
        let wider = wider_integer(&left, &right);
        // A quotient of integers and a remainder are checked by DataFusion too.
        let wraps = !matches!(operation, None | Some(Operation::Divide));
        ((wider.clone(), wider), wraps)
    } else if let (Some(l), Some(r)) = (Digits::of(&left), Digits::of(&right)) {
        // A sum or product does not wrap where its digits fit, but ours is the quicker one.
        ((l.arrow(), r.arrow()), operation.is_some())
    } else if left == DataType::Float32 && right == DataType::Float32 {
        ((left.clone(), right.clone()), operation.is_some())
    } else {
        ((DataType::Float64, DataType::Float64), operation.is_some())
    };
    let (l, r) =
        (as_type(*binary.left, &left, operands.0), as_type(*binary.right, &right, operands.1));
    let computed = match operation {
        Some(operation) if wraps => operation.udf().call(vec![l, r]),
        _ => Expr::BinaryExpr(BinaryExpr::new(Box::new(l), binary.op, Box::new(r))),
    };
    Ok(Transformed::yes(computed))
}

fn as_type(operand: Expr, from: &DataType, to: DataType) -> Expr {
    if *from == to { operand } else { cast(operand, to) }
}
