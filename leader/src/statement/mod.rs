//! Statements: one file each. This is the one dispatch.

mod assignment;
mod copy;
mod create_schema;
mod create_table;
mod create_table_as;
mod create_view;
mod delete;
mod drop;
mod explain;
mod insert;
mod lock;
mod merge;
mod names;
mod select;
mod set;
mod show;
mod table_definition;
mod target;
mod target_in_from;
mod truncate;
mod update;
mod write;

use datafusion::{arrow::datatypes::Schema, common::ScalarValue};
use engine::{
    sql::{ParsedStatement, Statement},
    types::SqlType,
};
use std::sync::Arc;

use crate::{
    error::Error,
    session::{Outcome, Prepared, Session},
};

/// Runs a statement with the values of its parameters.
pub(crate) async fn run(
    session: &mut Session,
    parsed: &ParsedStatement,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let ends_block = matches!(parsed.statement, Statement::Commit | Statement::Rollback);
    if session.has_failed() && !ends_block {
        return Err(Error::FailedTransaction);
    }
    session.show_query(Some(engine::sql::redact::redact(&parsed.text)));
    let timeout = session.parameters().statement_timeout();
    let dispatched = dispatch(session, parsed, parameters);
    let outcome = match timeout {
        // Rows that are still to come have the rest of the time: `select::run` sees to that.
        Some(timeout) => {
            tokio::time::timeout(timeout, dispatched).await.map_err(|_| Error::StatementTimeout)?
        }
        None => dispatched.await,
    };
    let outcome = outcome.map_err(|error| located(error, parsed))?;
    if !ends_block {
        session.statement_done().await?;
    }
    if !matches!(outcome, Outcome::Rows { .. }) {
        session.show_query(None);
    }
    Ok(outcome)
}

async fn dispatch(
    session: &mut Session,
    parsed: &ParsedStatement,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    match &parsed.statement {
        Statement::Query(query) => select::run(session, query, parameters).await,
        Statement::Explain(explain) => explain::run(session, explain, parameters).await,
        Statement::Insert(insert) => insert::run(session, insert, parameters).await,
        Statement::Delete(delete) => delete::run(session, delete, parameters).await,
        Statement::Update(update) => update::run(session, update, parameters).await,
        Statement::Merge(merge) => merge::run(session, merge, parameters).await,
        Statement::Lock(tables) => lock::run(session, tables).await,
        Statement::CreateTable(create) => create_table::run(session, create),
        Statement::CreateTableAs(create) => create_table_as::run(session, create, parameters).await,
        Statement::CreateView(create) => create_view::run(session, create).await,
        Statement::CreateSchema(create) => create_schema::run(session, create),
        Statement::Drop(drop) => drop::run(session, drop).await,
        Statement::Truncate(table) => truncate::run(session, table).await,
        Statement::Copy(copy) => copy::run(session, copy).await,
        Statement::Begin => {
            session.begin();
            Ok(Outcome::done("BEGIN"))
        }
        Statement::Commit => session.commit().await.map(Outcome::done),
        Statement::Rollback => {
            session.rollback();
            Ok(Outcome::done("ROLLBACK"))
        }
        Statement::Set(set) => set::run(session, set),
        Statement::Show(name) => show::run(session, name),
        Statement::Reset(name) => set::reset(session, name),
        // Prepared statements of the wire live in the connection; there are none of SQL's PREPARE.
        Statement::Deallocate(_) => Ok(Outcome::done("DEALLOCATE")),
        Statement::DiscardAll => {
            session.reset_parameters();
            Ok(Outcome::done("DISCARD ALL"))
        }
    }
}

/// Finds out what a statement takes and what it answers with, without running it.
pub(crate) async fn prepare(
    session: &mut Session,
    parsed: ParsedStatement,
    given_types: &[Option<SqlType>],
) -> Result<Prepared, Error> {
    let ends_block = matches!(parsed.statement, Statement::Commit | Statement::Rollback);
    if session.has_failed() && !ends_block {
        return Err(Error::FailedTransaction);
    }
    let described = match &parsed.statement {
        Statement::Query(query) => select::describe(session, query, given_types).await,
        Statement::Insert(insert) => insert::describe(session, insert, given_types).await,
        Statement::Delete(delete) => delete::describe(session, delete, given_types).await,
        Statement::Update(update) => update::describe(session, update, given_types).await,
        Statement::Merge(merge) => merge::describe(session, merge, given_types).await,
        Statement::Explain(explain) => {
            let (types, _) = select::describe(session, &explain.query, given_types)
                .await
                .map_err(|error| located(error, &parsed))?;
            Ok((types, Some(explain::schema())))
        }
        Statement::Show(name) => Ok((Vec::new(), Some(show::schema(name)))),
        Statement::CreateTableAs(create) => select::describe(session, &create.query, given_types)
            .await
            .map(|(types, _)| (types, None)),
        _ => Ok((Vec::new(), None)),
    };
    let (parameter_types, result_schema) = described.map_err(|error| located(error, &parsed))?;
    Ok(Prepared { statement: Some(parsed), parameter_types, result_schema })
}

/// What a statement takes, and what it answers with.
type Description = (Vec<SqlType>, Option<Arc<Schema>>);

/// Gives an error of planning its place in the query string.
fn located(mut error: Error, parsed: &ParsedStatement) -> Error {
    if let Error::Engine(engine::error::Error::Query(query)) = &mut error {
        query.locate(&parsed.source);
    }
    error
}
