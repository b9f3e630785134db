//! INSERT: VALUES, a query, or DEFAULT VALUES.

use datafusion::{common::ScalarValue, logical_expr::LogicalPlanBuilder};
use engine::{
    catalog::Table,
    client_error::SqlState,
    sql::{self, Insert, InsertSource},
    transaction::LockMode,
    types::SqlType,
};
use futures::{StreamExt, stream};
use sqlparser::ast;

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{
        BoundPlan, Description,
        assignment::{assign, assigned, default_of, given_columns},
        literal_rows, names, select,
        write::{self, Upkeep, append, append_query},
    },
};

pub(super) async fn run(
    session: &mut Session,
    insert: &Insert,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let literals = match &insert.source {
        InsertSource::Values(rows) if literal_rows::are_literals(rows) => Some(rows),
        _ => None,
    };
    // What reads nothing and commits by itself may arrive beside others of its kind.
    let mode = match literals {
        Some(_) if !session.shares_transaction() => LockMode::RowExclusive,
        _ => LockMode::ShareRowExclusive,
    };
    let table = names::table_to_write(session, &insert.table, mode).await?;
    if let Some(rows) = literals {
        let given = given_columns(&table, &insert.columns)?;
        let is_complete =
            insert.columns.is_empty() || rows.first().is_some_and(|row| row.len() == given.len());
        if is_complete && let Some(batch) = literal_rows::batch(&table, &given, rows, parameters) {
            let given = &given[..batch.num_columns()];
            let streams = vec![stream::iter([Ok(batch)]).boxed()];
            let row_count = append(session, &table, given, streams, Upkeep::None).await?;
            return Ok(Outcome::done(format!("INSERT 0 {row_count}")));
        }
    }
    let catalog = session.catalog();
    let planning = session.planning(catalog);
    let (query, given) = source(&table, insert)?;
    let upkeep = match &insert.source {
        InsertSource::Query(_) => Upkeep::Absorb,
        InsertSource::Values(_) | InsertSource::DefaultValues => Upkeep::None,
    };
    let row_count = match query {
        Some(query) => {
            let plan = select::bind(&planning, &query, parameters).await?;
            let plan = assign(plan, &table, 0, &given)?;
            append_query(session, &table, &given, (&planning, &plan), upkeep).await?
        }
        None => {
            let streams = vec![stream::iter([Ok(write::one_empty_row())]).boxed()];
            append(session, &table, &given, streams, upkeep).await?
        }
    };
    Ok(Outcome::done(format!("INSERT 0 {row_count}")))
}

/// Returns the plan of the rows that would be written: what EXPLAIN shows.
pub(super) async fn plan(
    session: &mut Session,
    insert: &Insert,
    parameters: &[ScalarValue],
) -> Result<BoundPlan, Error> {
    let catalog = session.catalog();
    let table = names::table(session, &catalog, &insert.table)?;
    let planning = session.planning(catalog);
    let (query, given) = source(&table, insert)?;
    let plan = match query {
        Some(query) => {
            assign(select::bind(&planning, &query, parameters).await?, &table, 0, &given)?
        }
        None => LogicalPlanBuilder::empty(true).build()?,
    };
    Ok(BoundPlan { planning, plan })
}

/// Returns the query that gives the rows, if any does, and the columns that it gives.
fn source(table: &Table, insert: &Insert) -> Result<(Option<Box<ast::Query>>, Vec<usize>), Error> {
    match &insert.source {
        InsertSource::DefaultValues => Ok((None, Vec::new())),
        InsertSource::Query(query) => {
            Ok((Some(query.clone()), given_columns(table, &insert.columns)?))
        }
        InsertSource::Values(rows) => values(table, insert, rows),
    }
}

/// Returns the types of the parameters: those of the columns they are given to.
pub(super) async fn describe(
    session: &mut Session,
    insert: &Insert,
    given_types: &[Option<SqlType>],
) -> Result<Description, Error> {
    let catalog = session.catalog_now();
    let table = names::table(session, &catalog, &insert.table)?;
    let planning = session.planning(catalog);
    let types = match &insert.source {
        InsertSource::DefaultValues => Vec::new(),
        InsertSource::Query(query) => {
            select::parameter_types(&planning.bind(query).await?, given_types)?
        }
        InsertSource::Values(rows) => {
            let given = given_columns(&table, &insert.columns)?;
            let mut types = given_types.to_vec();
            for row in rows {
                for (value, position) in row.iter().zip(&given) {
                    note_parameter(value.as_ref(), table.columns[*position].sql_type, &mut types);
                }
            }
            types.into_iter().map(|known| known.unwrap_or(SqlType::VARCHAR_DEFAULT)).collect()
        }
    };
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

/// Makes a query of VALUES lists: DEFAULT becomes the column's default expression.
fn values(
    table: &Table,
    insert: &Insert,
    rows: &[Vec<Option<ast::Expr>>],
) -> Result<(Option<Box<ast::Query>>, Vec<usize>), Error> {
    let mut given = given_columns(table, &insert.columns)?;
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
