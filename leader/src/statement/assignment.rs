//! Values on their way into columns: what INSERT, UPDATE and MERGE share.

use datafusion::{
    arrow::datatypes::DataType,
    common::ExprSchema,
    functions::math::expr_fn::round,
    logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder},
};
use engine::{
    catalog::{CatalogError, Column, Table},
    client_error::SqlState,
    sql,
    types::SqlType,
};
use sqlparser::ast;

use crate::{error::Error, statement::names};

/// Returns the positions of the columns that the statement gives values for.
///
/// `named` are the columns named, none for all.
pub(super) fn given_columns(table: &Table, named: &[String]) -> Result<Vec<usize>, Error> {
    if named.is_empty() {
        // IDENTITY columns are filled by the warehouse unless they are named.
        let taken = table.columns.iter().enumerate().filter(|(_, c)| !always_generated(c));
        return Ok(taken.map(|(position, _)| position).collect());
    }
    let given = names::column_positions(table, named)?;
    for position in &given {
        check_not_generated(&table.columns[*position])?;
    }
    Ok(given)
}

/// Refuses a value for an identity column that takes none.
pub(super) fn check_not_generated(column: &Column) -> Result<(), Error> {
    if always_generated(column) {
        let message = format!("cannot set an identity column to a value: \"{}\"", column.name);
        return Err(Error::statement(SqlState("428C9"), message));
    }
    Ok(())
}

fn always_generated(column: &Column) -> bool {
    column.identity.is_some_and(|identity| !identity.by_default)
}

/// Casts a query's columns to those of the table they go to, as an assignment does.
///
/// `kept` columns before them stay as they are: the addresses of rows.
pub(super) fn assign(
    plan: LogicalPlan,
    table: &Table,
    kept: usize,
    given: &[usize],
) -> Result<LogicalPlan, Error> {
    let mut columns = plan.schema().columns();
    let mut casts: Vec<Expr> = columns.drain(..kept.min(columns.len())).map(Expr::Column).collect();
    if columns.len() > given.len() {
        let message = "INSERT has more expressions than target columns";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    if columns.len() < given.len() {
        let message = "INSERT has more target columns than expressions";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    for (column, position) in columns.into_iter().zip(given) {
        let target = table.columns.get(*position).ok_or_else(|| CatalogError::UndefinedColumn {
            table: table.name.clone(),
            column: position.to_string(),
        })?;
        let given = plan.schema().field_from_column(&column)?.data_type().clone();
        let value = rounded(Expr::Column(column), &given, target.sql_type);
        let cast = Cast::new(Box::new(value), target.sql_type.arrow());
        casts.push(Expr::Cast(cast).alias(target.name.as_str()));
    }
    Ok(LogicalPlanBuilder::from(plan).project(casts)?.build()?)
}

/// An integer column takes the nearest integer; a cast alone would cut the fraction.
fn rounded(value: Expr, given: &DataType, target: SqlType) -> Expr {
    let to_integer = matches!(target, SqlType::SmallInt | SqlType::Integer | SqlType::BigInt);
    match given.is_decimal() || given.is_floating() {
        true if to_integer => round(vec![value]),
        _ => value,
    }
}

/// Casts a text to its column's type on its own: the rows of a list may write one column's values in
/// different ways, as `'2024-01-31'` and `date '2024-01-31'`.
pub(super) fn assigned(value: ast::Expr, sql_type: SqlType) -> ast::Expr {
    let is_text = matches!(
        &value,
        ast::Expr::Value(literal) if matches!(literal.value, ast::Value::SingleQuotedString(_))
    );
    // A parameter has no type of its own: it takes the column's.
    let is_parameter = matches!(
        &value,
        ast::Expr::Value(literal) if matches!(literal.value, ast::Value::Placeholder(_))
    );
    if is_text == sql_type.is_text() && !is_parameter {
        return value;
    }
    if !is_text && !matches!(value, ast::Expr::Value(_)) {
        // An expression may be a text already: the assignment of the whole column casts it.
        return value;
    }
    let zoned = ast::TimezoneInfo::WithTimeZone;
    let data_type = match sql_type {
        SqlType::Boolean => ast::DataType::Boolean,
        SqlType::SmallInt => ast::DataType::SmallInt(None),
        SqlType::Integer => ast::DataType::Integer(None),
        SqlType::BigInt | SqlType::Oid => ast::DataType::BigInt(None),
        SqlType::Decimal { precision, scale } => ast::DataType::Numeric(
            ast::ExactNumberInfo::PrecisionAndScale(u64::from(precision), i64::from(scale)),
        ),
        SqlType::Real => ast::DataType::Real,
        SqlType::DoublePrecision => ast::DataType::DoublePrecision,
        // No length: what is too long is an error of the assignment, a cast would cut it.
        SqlType::Char { .. } | SqlType::Varchar { .. } | SqlType::Name => {
            ast::DataType::Varchar(None)
        }
        SqlType::Date => ast::DataType::Date,
        SqlType::Time => ast::DataType::Time(None, ast::TimezoneInfo::None),
        SqlType::Timestamp => ast::DataType::Timestamp(Some(6), ast::TimezoneInfo::None),
        SqlType::TimestampTz => ast::DataType::Timestamp(Some(6), zoned),
    };
    let (kind, expr) = (ast::CastKind::Cast, Box::new(value));
    ast::Expr::Cast { kind, expr, data_type, array: false, format: None }
}

/// Returns the expression that DEFAULT stands for.
pub(super) fn default_of(table: &Table, position: usize) -> Result<ast::Expr, Error> {
    let column = &table.columns[position];
    if column.identity.is_some() {
        return Err(Error::unsupported(
            format!("DEFAULT for the identity column \"{}\" as a value", column.name),
            "Leave the column out of the statement.",
        ));
    }
    match &column.default {
        Some(text) => Ok(sql::parse_expression(text)?),
        None => Ok(ast::Expr::Value(ast::Value::Null.into())),
    }
}
