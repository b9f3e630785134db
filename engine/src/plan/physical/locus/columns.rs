//! Sets of columns that say where a row is, as positions in a node's output.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::{DataType, Schema};
use datafusion::{
    common::ScalarValue,
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{CastExpr, Column, Literal},
    },
};

/// Returns the column whose hash is the hash of `expr`, by position.
///
/// The hash that deals rows out sees neither the width nor the scale of a number, nor blanks at the end
/// of a text: so casts that keep the value and `rtrim` are looked through.
pub(super) fn hashed_column(expr: &Arc<dyn PhysicalExpr>, input: &Schema) -> Option<usize> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(column.index());
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        let from = cast.expr().data_type(input).ok()?;
        return keeps_hash(&from, cast.cast_type())
            .then(|| hashed_column(cast.expr(), input))
            .flatten();
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match (call.name(), call.args()) {
        ("rtrim", [text, blank]) if is_blank(blank) => hashed_column(text, input),
        _ => None,
    }
}

fn is_blank(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let text = expr.downcast_ref::<Literal>().map(Literal::value);
    text.and_then(ScalarValue::try_as_str).flatten() == Some(" ")
}

/// Returns whether a cast leaves every value's hash as it is, or fails.
fn keeps_hash(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Float32, Float64, Int16, Int32, Int64, LargeUtf8, Utf8, Utf8View};
    let is_text = |data_type: &DataType| matches!(data_type, Utf8 | LargeUtf8 | Utf8View);
    match (from, to) {
        (from, to) if from == to => true,
        (Int16 | Int32 | Int64, Int16 | Int32 | Int64) => true,
        (Int16 | Int32 | Int64, Decimal128(_, scale)) => *scale >= 0,
        (Decimal128(_, from), Decimal128(_, to)) => to >= from,
        (Float32, Float64) => true,
        (from, to) => is_text(from) && is_text(to),
    }
}

/// Returns whether the hash of `expr` is that of one of these columns.
pub(super) fn is_one_of(
    expr: &Arc<dyn PhysicalExpr>,
    input: &Schema,
    columns: &BTreeSet<usize>,
) -> bool {
    hashed_column(expr, input).is_some_and(|column| columns.contains(&column))
}

/// Returns where expressions over `input` put these columns.
pub(super) fn projected<'a>(
    columns: &BTreeSet<usize>,
    input: &Schema,
    expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
) -> BTreeSet<usize> {
    let places = expressions.enumerate().filter(|(_, expr)| is_one_of(expr, input, columns));
    places.map(|(place, _)| place).collect()
}

/// Returns where a choice of columns puts these.
pub(super) fn chosen(columns: &BTreeSet<usize>, choice: Option<&[usize]>) -> BTreeSet<usize> {
    let Some(choice) = choice else { return columns.clone() };
    let places = choice.iter().enumerate().filter(|(_, column)| columns.contains(column));
    places.map(|(place, _)| place).collect()
}
