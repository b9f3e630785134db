//! Expressions as PostgreSQL prints them: `((qtysold > 2) AND ((eventname)::text ~~ 'A%'::text))`.

use std::sync::Arc;

use arrow::{
    array::AsArray,
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{
            BinaryExpr, CaseExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr,
            IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NegativeExpr, NotExpr, TryCastExpr,
        },
        scalar_subquery::ScalarSubqueryExpr,
    },
};

use super::column::{OutputColumn, column_of};
use crate::types::{SqlType, printed};

/// Redshift holds a value against so many others one by one; a longer list becomes an array.
const LIST_ONE_BY_ONE_MAX: usize = 10;
/// Bytes of a literal that are shown.
const LITERAL_BYTES_MAX: usize = 256;

/// Returns an expression over these columns as text.
pub(super) fn text(expr: &Arc<dyn PhysicalExpr>, columns: &[OutputColumn]) -> String {
    if let Some(column) = expr.downcast_ref::<Column>() {
        let known = columns.get(column.index());
        return known.map_or_else(|| column.name().to_owned(), |known| known.text.clone());
    }
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return value(literal.value(), None);
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return operation(expr, binary, columns);
    }
    if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
        return function(call, columns);
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        return cast_to(text(cast.expr(), columns), cast.cast_type());
    }
    if let Some(cast) = expr.downcast_ref::<TryCastExpr>() {
        return cast_to(text(cast.expr(), columns), cast.cast_type());
    }
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        return in_list(list, columns);
    }
    if let Some(like) = expr.downcast_ref::<LikeExpr>() {
        let operator = match (like.negated(), like.case_insensitive()) {
            (false, false) => "~~",
            (true, false) => "!~~",
            (false, true) => "~~*",
            (true, true) => "!~~*",
        };
        return compared(like.expr(), operator, like.pattern(), columns);
    }
    if let Some(test) = expr.downcast_ref::<IsNullExpr>() {
        return format!("({} IS NULL)", text(test.arg(), columns));
    }
    if let Some(test) = expr.downcast_ref::<IsNotNullExpr>() {
        return format!("({} IS NOT NULL)", text(test.arg(), columns));
    }
    if let Some(not) = expr.downcast_ref::<NotExpr>() {
        return format!("(NOT {})", text(not.arg(), columns));
    }
    if let Some(negative) = expr.downcast_ref::<NegativeExpr>() {
        return format!("(- {})", text(negative.arg(), columns));
    }
    if let Some(case) = expr.downcast_ref::<CaseExpr>() {
        return case_of(case, columns);
    }
    match expr.downcast_ref::<ScalarSubqueryExpr>() {
        // As PostgreSQL calls the value of an InitPlan.
        Some(_) => "$0".to_owned(),
        None => expr.to_string(),
    }
}

/// Returns conditions that all hold as one; `None` without any.
pub(super) fn all_of(conditions: Vec<String>) -> Option<String> {
    joined(conditions, "AND")
}

/// Returns the conditions of a predicate that hold together.
pub(super) fn conjuncts(predicate: &Arc<dyn PhysicalExpr>) -> Vec<&Arc<dyn PhysicalExpr>> {
    operands_of(predicate, Operator::And)
}

/// Returns whether an expression has a part that joins and TopK fill in while the query runs.
pub(super) fn is_dynamic(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is::<DynamicFilterPhysicalExpr>() || expr.children().into_iter().any(is_dynamic)
}

/// Returns how many operators an expression has: what its evaluation costs.
pub(super) fn operator_count(expr: &Arc<dyn PhysicalExpr>) -> usize {
    let below = expr.children().into_iter().map(operator_count).sum::<usize>();
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        return list.len().max(1);
    }
    let is_free = expr.is::<Column>()
        || expr.is::<Literal>()
        || expr.is::<IsNullExpr>()
        || expr.is::<IsNotNullExpr>()
        || expr.is::<NotExpr>()
        || expr.downcast_ref::<BinaryExpr>().is_some_and(|binary| is_logical(*binary.op()));
    below + usize::from(!is_free)
}

fn is_logical(operator: Operator) -> bool {
    matches!(operator, Operator::And | Operator::Or)
}

fn operands_of(expr: &Arc<dyn PhysicalExpr>, operator: Operator) -> Vec<&Arc<dyn PhysicalExpr>> {
    match expr.downcast_ref::<BinaryExpr>() {
        Some(binary) if *binary.op() == operator => {
            let mut operands = operands_of(binary.left(), operator);
            operands.extend(operands_of(binary.right(), operator));
            operands
        }
        _ => vec![expr],
    }
}

fn operation(
    expr: &Arc<dyn PhysicalExpr>,
    binary: &BinaryExpr,
    columns: &[OutputColumn],
) -> String {
    let operator = match binary.op() {
        operator @ (Operator::And | Operator::Or) => {
            let operands = operands_of(expr, *operator).into_iter();
            let operands = operands.map(|operand| text(operand, columns)).collect();
            return joined(operands, &operator.to_string()).unwrap_or_default();
        }
        Operator::NotEq => "<>".to_owned(),
        Operator::RegexMatch => "~".to_owned(),
        Operator::RegexNotMatch => "!~".to_owned(),
        Operator::LikeMatch => "~~".to_owned(),
        Operator::NotLikeMatch => "!~~".to_owned(),
        operator => operator.to_string(),
    };
    compared(binary.left(), &operator, binary.right(), columns)
}

/// Returns `(left operator right)`: a VARCHAR is a text there, and a literal has the type of what it is
/// held against.
fn compared(
    left: &Arc<dyn PhysicalExpr>,
    operator: &str,
    right: &Arc<dyn PhysicalExpr>,
    columns: &[OutputColumn],
) -> String {
    let (left_text, right_text) = (operand(left, right, columns), operand(right, left, columns));
    format!("({left_text} {operator} {right_text})")
}

fn operand(
    expr: &Arc<dyn PhysicalExpr>,
    other: &Arc<dyn PhysicalExpr>,
    columns: &[OutputColumn],
) -> String {
    let type_of = |expr| column_of(expr, columns).and_then(|column| column.sql_type);
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return value(literal.value(), type_of(other));
    }
    match (type_of(expr), type_of(other)) {
        (Some(SqlType::Varchar { .. }), other) if !matches!(other, Some(SqlType::Char { .. })) => {
            format!("({})::text", text(expr, columns))
        }
        _ => text(expr, columns),
    }
}

/// Returns conditions as one, each in the parentheses it has.
fn joined(mut conditions: Vec<String>, operator: &str) -> Option<String> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(format!("({})", conditions.join(&format!(" {operator} ")))),
    }
}

fn function(call: &ScalarFunctionExpr, columns: &[OutputColumn]) -> String {
    let arguments: Vec<String> = call.args().iter().map(|arg| text(arg, columns)).collect();
    // Functions of ours that stand for what SQL writes as operators.
    let operator = match call.name() {
        "checked_add" => "+",
        "checked_subtract" => "-",
        "checked_multiply" => "*",
        "checked_divide" => "/",
        name => {
            return match (name, arguments.as_slice()) {
                ("checked_cast", [value, ..]) => cast_to(value.clone(), call.return_type()),
                ("avg_quotient", [sum, ..]) if sum_of(sum).is_some() => {
                    format!("avg{}", sum_of(sum).unwrap_or_default())
                }
                _ => format!("{name}({})", arguments.join(", ")),
            };
        }
    };
    format!("({})", arguments.join(&format!(" {operator} ")))
}

/// Returns `(x)` of `sum(x)`.
fn sum_of(text: &str) -> Option<&str> {
    text.strip_prefix("sum").filter(|rest| rest.starts_with('('))
}

fn in_list(list: &InListExpr, columns: &[OutputColumn]) -> String {
    let (operator, word, quantifier) =
        if list.negated() { ("<>", "AND", "ALL") } else { ("=", "OR", "ANY") };
    let is_short = list.len() <= LIST_ONE_BY_ONE_MAX;
    if is_short || !list.list().iter().all(|item| item.is::<Literal>()) {
        let tests = list.list().iter().map(|item| compared(list.expr(), operator, item, columns));
        return joined(tests.collect(), word).unwrap_or_default();
    }
    let mut items = String::new();
    let mut item_type = None;
    for literal in list.list().iter().filter_map(|item| item.downcast_ref::<Literal>()) {
        item_type = SqlType::from_arrow(&literal.value().data_type());
        if items.len() > LITERAL_BYTES_MAX {
            items.push_str(",...");
            break;
        }
        let separator = if items.is_empty() { "" } else { "," };
        items.push_str(separator);
        items.push_str(&bare(literal.value()));
    }
    let item_type = item_type.map_or_else(|| "text".to_owned(), type_name);
    let tested = text(list.expr(), columns);
    format!("({tested} {operator} {quantifier} ('{{{items}}}'::{item_type}[]))")
}

fn case_of(case: &CaseExpr, columns: &[OutputColumn]) -> String {
    let mut written = "CASE".to_owned();
    let mut add = |word: &str, expr: &Arc<dyn PhysicalExpr>| {
        written.push_str(word);
        written.push_str(&text(expr, columns));
    };
    if let Some(expr) = case.expr() {
        add(" ", expr);
    }
    for (when, then) in case.when_then_expr() {
        add(" WHEN ", when);
        add(" THEN ", then);
    }
    if let Some(expr) = case.else_expr() {
        add(" ELSE ", expr);
    }
    written.push_str(" END");
    written
}

fn cast_to(text: String, data_type: &DataType) -> String {
    match SqlType::from_arrow(data_type) {
        Some(sql_type) => format!("({text})::{}", type_name(sql_type)),
        None => text,
    }
}

fn type_name(sql_type: SqlType) -> String {
    if sql_type.is_text() { "text".to_owned() } else { sql_type.to_string() }
}

/// Returns a literal; `beside` is the type of the column it is held against.
fn value(value: &ScalarValue, beside: Option<SqlType>) -> String {
    let sql_type = SqlType::from_arrow(&value.data_type());
    let name = match (sql_type, beside) {
        (Some(sql_type), Some(SqlType::Char { .. })) if sql_type.is_text() => "bpchar".to_owned(),
        (Some(sql_type), Some(SqlType::Name)) if sql_type.is_text() => "name".to_owned(),
        (Some(sql_type), _) => type_name(sql_type),
        (None, _) => return value.to_string(),
    };
    if value.is_null() {
        return format!("NULL::{name}");
    }
    let text = bare(value);
    match sql_type {
        Some(
            SqlType::Boolean
            | SqlType::SmallInt
            | SqlType::Integer
            | SqlType::BigInt
            | SqlType::Decimal { .. },
        ) => text,
        _ => format!("'{}'::{name}", text.replace('\'', "''")),
    }
}

/// Returns a value without quotes and type.
fn bare(value: &ScalarValue) -> String {
    let shown = value.to_array().and_then(|array| {
        if let Some(texts) = printed(&array)? {
            return Ok(texts.iter().flatten().next().unwrap_or_default().to_owned());
        }
        if let Some(texts) = array.as_string_view_opt() {
            return Ok(texts.iter().flatten().next().unwrap_or_default().to_owned());
        }
        Ok(ArrayFormatter::try_new(&array, &FormatOptions::default())?.value(0).to_string())
    });
    let mut shown = shown.unwrap_or_else(|_| value.to_string());
    if shown.len() > LITERAL_BYTES_MAX {
        shown.truncate(shown.floor_char_boundary(LITERAL_BYTES_MAX));
        shown.push_str("...");
    }
    shown
}
