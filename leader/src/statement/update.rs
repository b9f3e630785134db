//! UPDATE: the rows are deleted and written anew, to the slices their new values belong to.

use compute::addresses::{ADDRESS_COLUMNS, SecondMatch};
use datafusion::{common::ScalarValue, logical_expr::LogicalPlan};
use engine::{
    catalog::Table,
    client_error::SqlState,
    sql::{Assignment, Update},
    types::SqlType,
};
use sqlparser::ast;

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{
        BoundPlan, Description,
        assignment::{assign, assigned, check_not_generated, default_of},
        names, select,
        target::Target,
        target_in_from::{self, replace_target},
    },
};

pub(super) async fn run(
    session: &mut Session,
    update: &Update,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let target = Target::lock(session, &update.target).await?;
    let (target, query) = query(target, update)?;
    let given: Vec<usize> = (0..target.table.columns.len()).collect();
    let plan = bind(&target, &query, parameters).await?;
    // As Redshift documents it: one of several matches is taken, or none, as the session wants it.
    let second_match = match session.parameters().error_on_nondeterministic_update() {
        true => SecondMatch::Refused,
        false => SecondMatch::Ignored,
    };
    let rows = target.rows(second_match, true);
    let (_, row_count) =
        target.replace(session, (&plan, given.as_slice()), rows, joins(update)).await?;
    Ok(Outcome::done(format!("UPDATE {row_count}")))
}

/// Returns whether there are other tables in FROM, so that a row may be found several times.
fn joins(update: &Update) -> bool {
    match update.target.source.body.as_ref() {
        ast::SetExpr::Select(select) => !select.from.is_empty(),
        _ => true,
    }
}

/// Returns the plan that finds the rows and computes their new values: what EXPLAIN shows.
pub(super) async fn plan(
    session: &mut Session,
    update: &Update,
    parameters: &[ScalarValue],
) -> Result<BoundPlan, Error> {
    let (target, query) = query(Target::describe(session, &update.target)?, update)?;
    let plan = bind(&target, &query, parameters).await?;
    Ok(target.bound(plan))
}

async fn bind(
    target: &Target,
    query: &ast::Query,
    parameters: &[ScalarValue],
) -> Result<LogicalPlan, Error> {
    let given: Vec<usize> = (0..target.table.columns.len()).collect();
    assign(target.bind(query, parameters).await?, &target.table, ADDRESS_COLUMNS, &given)
}

/// Returns the types of the parameters: those of the columns they are given to.
pub(super) async fn describe(
    session: &mut Session,
    update: &Update,
    given_types: &[Option<SqlType>],
) -> Result<Description, Error> {
    let (target, query) = query(Target::describe(session, &update.target)?, update)?;
    let plan = target.bind(&query, &[]).await?;
    let types = select::parameter_types(&plan, given_types)?;
    Ok((types, None))
}

/// Returns the query that finds the rows and computes their new values.
fn query(target: Target, update: &Update) -> Result<(Target, ast::Query), Error> {
    let in_from = target_in_from::alias_of_target(&target, update)?;
    let is_in_from = in_from.is_some();
    let target = match in_from {
        Some(alias) => target.called(alias),
        None => target,
    };
    let values = new_values(&target.table, &update.assignments)?.into_iter();
    let values = values
        .zip(&target.table.columns)
        .map(|(value, column)| value.unwrap_or_else(|| target.column(&column.name)));
    let values = values.collect();
    let query = match is_in_from {
        true => target.query_with(&update.target, values, |select| {
            replace_target(select, &target, &target.relation());
        }),
        false => target.query(&update.target, values),
    };
    Ok((target, query))
}

/// Returns the value that SET gives each column of the table; `None` for those it does not name.
pub(super) fn new_values(
    table: &Table,
    assignments: &[Assignment],
) -> Result<Vec<Option<ast::Expr>>, Error> {
    let mut values = vec![None; table.columns.len()];
    for Assignment { column, value } in assignments {
        let position = names::column_position(table, column)?;
        if values[position].is_some() {
            let message = format!("multiple assignments to same column \"{column}\"");
            return Err(Error::statement(SqlState::SYNTAX_ERROR, message));
        }
        check_not_generated(&table.columns[position])?;
        let value = match value {
            Some(value) => value.clone(),
            None => default_of(table, position)?,
        };
        values[position] = Some(assigned(value, table.columns[position].sql_type));
    }
    Ok(values)
}
