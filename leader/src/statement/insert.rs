//! INSERT: VALUES, a query, or DEFAULT VALUES.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{RecordBatch, RecordBatchOptions},
        datatypes::{DataType, Schema},
    },
    common::{ExprSchema, ScalarValue},
    functions::math::expr_fn::round,
    logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder},
};
use engine::{
    catalog::{CatalogError, Table},
    client_error::SqlState,
    sql::{self, Insert, InsertSource},
    types::SqlType,
};
use futures::{StreamExt, stream};
use sqlparser::ast;

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{Description, names, select, write},
};

pub(super) async fn run(
    session: &mut Session,
    insert: &Insert,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let catalog = session.catalog();
    let table = names::table(session, &catalog, &insert.table)?;
    let planning = session.planning(catalog);
    let (query, given) = match &insert.source {
        InsertSource::DefaultValues => (None, Vec::new()),
        InsertSource::Query(query) => (Some(query.clone()), given_columns(&table, insert)?),
        InsertSource::Values(rows) => values(&table, insert, rows)?,
    };
    let streams = match query {
        Some(query) => {
            let plan = select::bind(&planning, &query, parameters).await?;
            let plan = assign(plan, &table, &given)?;
            write::streams_of(planning.physical(&plan).await?, &planning)?
        }
        None => vec![stream::iter([Ok(one_empty_row())]).boxed()],
    };
    let row_count = write::append(session, &table, &given, streams).await?;
    Ok(Outcome::done(format!("INSERT 0 {row_count}")))
}

/// Returns the types of the parameters: those of the columns they are given to.
pub(super) async fn describe(
    session: &mut Session,
    insert: &Insert,
    given_types: &[Option<SqlType>],
) -> Result<Description, Error> {
    let catalog = session.catalog();
    let table = names::table(session, &catalog, &insert.table)?;
    let planning = session.planning(catalog);
    let types = match &insert.source {
        InsertSource::DefaultValues => Vec::new(),
        InsertSource::Query(query) => {
            select::parameter_types(&planning.bind(query).await?, given_types)?
        }
        InsertSource::Values(rows) => {
            let given = given_columns(&table, insert)?;
            let mut types = given_types.to_vec();
            for row in rows {
                for (value, position) in row.iter().zip(&given) {
                    note_parameter(value.as_ref(), table.columns[*position].sql_type, &mut types);
                }
            }
            types.into_iter().map(|known| known.unwrap_or(SqlType::VARCHAR_DEFAULT)).collect()
        }
    };
    session.forget_snapshot();
    Ok((types, None))
}

/// Notes that `$n` stands for a value of this type.
fn note_parameter(value: Option<&ast::Expr>, sql_type: SqlType, types: &mut Vec<Option<SqlType>>) {
    let Some(ast::Expr::Value(value)) = value else { return };
    let ast::Value::Placeholder(name) = &value.value else { return };
    let Some(number) = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()) else { return };
    if number == 0 || number > MAX_PARAMETERS {
        return;
    }
    if types.len() < number {
        types.resize(number, None);
    }
    types[number - 1].get_or_insert(sql_type);
}

/// The protocol counts parameters in 16 bits.
const MAX_PARAMETERS: usize = 65_535;

/// Returns the positions of the columns that the statement gives values for.
fn given_columns(table: &Table, insert: &Insert) -> Result<Vec<usize>, Error> {
    if insert.columns.is_empty() {
        // IDENTITY columns are filled by the warehouse unless they are named.
        let taken = table.columns.iter().enumerate().filter(|(_, c)| !always_generated(c));
        return Ok(taken.map(|(position, _)| position).collect());
    }
    let given = names::column_positions(table, &insert.columns)?;
    if let Some(position) =
        given.iter().find(|position| always_generated(&table.columns[**position]))
    {
        let name = &table.columns[*position].name;
        let message = format!("cannot set an identity column to a value: \"{name}\"");
        return Err(Error::statement(SqlState("428C9"), message));
    }
    Ok(given)
}

fn always_generated(column: &engine::catalog::Column) -> bool {
    column.identity.is_some_and(|identity| !identity.by_default)
}

/// Makes a query of VALUES lists: DEFAULT becomes the column's default expression.
fn values(
    table: &Table,
    insert: &Insert,
    rows: &[Vec<Option<ast::Expr>>],
) -> Result<(Option<Box<ast::Query>>, Vec<usize>), Error> {
    let mut given = given_columns(table, insert)?;
    let width = rows.first().map_or(0, Vec::len);
    check_width(width, given.len(), !insert.columns.is_empty())?;
    given.truncate(width);
    let mut written = Vec::with_capacity(rows.len());
    for row in rows {
        if row.len() != width {
            let message = "VALUES lists must all be the same length";
            return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
        }
        let mut expressions = Vec::with_capacity(width);
        for (value, position) in row.iter().zip(&given) {
            let value = match value {
                Some(expression) => expression.clone(),
                None => default_of(table, *position)?,
            };
            expressions.push(assigned(value, table.columns[*position].sql_type));
        }
        written.push(expressions);
    }
    Ok((Some(Box::new(sql::values_query(written))), given))
}

/// Casts a text to its column's type on its own: the rows of a list may write one column's values in
/// different ways, as `'2024-01-31'` and `date '2024-01-31'`.
fn assigned(value: ast::Expr, sql_type: SqlType) -> ast::Expr {
    let is_text = matches!(
        &value,
        ast::Expr::Value(literal) if matches!(literal.value, ast::Value::SingleQuotedString(_))
    );
    if is_text == sql_type.is_text() {
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
        SqlType::Timestamp => ast::DataType::Timestamp(None, ast::TimezoneInfo::None),
        SqlType::TimestampTz => ast::DataType::Timestamp(None, zoned),
    };
    let (kind, expr) = (ast::CastKind::Cast, Box::new(value));
    ast::Expr::Cast { kind, expr, data_type, array: false, format: None }
}

fn default_of(table: &Table, position: usize) -> Result<ast::Expr, Error> {
    let column = &table.columns[position];
    if column.identity.is_some() {
        return Err(Error::unsupported(
            format!("DEFAULT for the identity column \"{}\" in a VALUES list", column.name),
            "Leave the column out of the column list.",
        ));
    }
    match &column.default {
        Some(text) => Ok(sql::parse_expression(text)?),
        None => Ok(ast::Expr::Value(ast::Value::Null.into())),
    }
}

fn check_width(width: usize, columns: usize, named: bool) -> Result<(), Error> {
    if width > columns {
        let message = "INSERT has more expressions than target columns";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    if width < columns && named {
        let message = "INSERT has more target columns than expressions";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    Ok(())
}

/// Casts a query's columns to those of the table they go to, as an assignment does.
fn assign(plan: LogicalPlan, table: &Arc<Table>, given: &[usize]) -> Result<LogicalPlan, Error> {
    let columns = plan.schema().columns();
    if columns.len() > given.len() {
        let message = "INSERT has more expressions than target columns";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    if columns.len() < given.len() {
        let message = "INSERT has more target columns than expressions";
        return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
    }
    let mut casts = Vec::with_capacity(columns.len());
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

/// DEFAULT VALUES: one row of which nothing is given.
fn one_empty_row() -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(Schema::empty())))
}
