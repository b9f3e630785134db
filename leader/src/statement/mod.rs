//! Statements: one file each. This is the one dispatch.

mod alter_database;
mod alter_table;
mod analyze;
mod analyze_compression;
mod assignment;
pub(crate) mod auto_distribution;
mod cancel;
mod copy;
mod create_database;
mod create_schema;
mod create_table;
mod create_table_as;
mod create_view;
mod delete;
mod drop;
mod drop_database;
mod explain;
mod insert;
mod literal_rows;
mod lock;
mod merge;
mod names;
mod select;
mod set;
mod set_config;
mod show;
mod table_definition;
mod target;
mod target_in_from;
mod truncate;
mod update;
mod vacuum;
mod write;

use datafusion::{arrow::datatypes::Schema, common::ScalarValue, logical_expr::LogicalPlan};
use engine::{
    client_error::{ClientError, SqlState},
    plan::PlanningSession,
    sql::{ParsedStatement, Statement},
    system::StatementKind,
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
    let kind = kind_of(&parsed.statement);
    if session.is_read_only() && writes(&parsed.statement, kind) {
        let message = "transaction is read-only";
        return Err(Error::statement(SqlState::READ_ONLY_SQL_TRANSACTION, message));
    }
    let mut running = session.start_statement(kind, &parsed.text);
    let timeout = session.parameters().statement_timeout();
    let dispatched = dispatch(session, parsed, parameters);
    let outcome = match timeout {
        // Rows that are still to come have the rest of the time: `select::run` sees to that.
        Some(timeout) => {
            tokio::time::timeout(timeout, dispatched).await.map_err(|_| Error::StatementTimeout)?
        }
        None => dispatched.await,
    };
    running.runs(session.take_plan());
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            session.note_conflict(&error);
            if is_found_before_running(&error) {
                running.forget();
            }
            return Err(located(error, parsed));
        }
    };
    if !ends_block {
        session.statement_done().await.inspect_err(|error| session.note_conflict(error))?;
    }
    match outcome {
        Outcome::Rows { schema, batches, tag } => {
            Ok(Outcome::Rows { schema, batches: running.until_read(batches), tag })
        }
        outcome => {
            running.complete();
            Ok(outcome)
        }
    }
}

/// Returns which of the system's tables keep a statement's text.
fn kind_of(statement: &Statement) -> StatementKind {
    match statement {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Delete(_)
        | Statement::Update(_)
        | Statement::Merge(_)
        | Statement::CreateTableAs(_)
        | Statement::Copy(_) => StatementKind::Query,
        Statement::CreateTable(_)
        | Statement::CreateView(_)
        | Statement::CreateSchema(_)
        | Statement::AlterTable(_)
        | Statement::CreateDatabase(_)
        | Statement::AlterDatabase(_)
        | Statement::DropDatabase(_)
        | Statement::Drop(_) => StatementKind::Ddl,
        Statement::Explain(_)
        | Statement::Truncate(_)
        | Statement::Analyze(_)
        | Statement::AnalyzeCompression(_)
        | Statement::Vacuum(_)
        | Statement::Cancel(_)
        | Statement::Lock(_)
        | Statement::Begin(_)
        | Statement::Commit
        | Statement::Rollback
        | Statement::Set(_)
        | Statement::SetTransaction { .. }
        | Statement::Show(_)
        | Statement::Reset(_)
        | Statement::Deallocate(_)
        | Statement::DiscardAll => StatementKind::Utility,
    }
}

/// Returns whether a statement changes what others see.
fn writes(statement: &Statement, kind: StatementKind) -> bool {
    match kind {
        StatementKind::Query => !matches!(statement, Statement::Query(_)),
        StatementKind::Ddl => true,
        StatementKind::Utility => {
            matches!(statement, Statement::Truncate(_) | Statement::Vacuum(_))
        }
    }
}

/// Returns whether an error is of the statement's words or names. On Redshift such a statement gets no
/// number and is in no system table.
fn is_found_before_running(error: &Error) -> bool {
    ["42", "0A", "3D", "3F"].iter().any(|class| error.sqlstate().0.starts_with(class))
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
        Statement::AlterTable(alter) => alter_table::run(session, alter).await,
        Statement::CreateDatabase(create) => create_database::run(session, create),
        Statement::AlterDatabase(alter) => alter_database::run(session, alter),
        Statement::DropDatabase(name) => drop_database::run(session, name).await,
        Statement::Drop(drop) => drop::run(session, drop).await,
        Statement::Truncate(table) => truncate::run(session, table).await,
        Statement::Analyze(analyze) => analyze::run(session, analyze).await,
        Statement::AnalyzeCompression(analyze) => analyze_compression::run(session, analyze).await,
        Statement::Vacuum(vacuum) => vacuum::run(session, vacuum).await,
        Statement::Copy(copy) => copy::run(session, copy).await,
        Statement::Cancel(cancel) => cancel::run(session, cancel),
        Statement::Begin(modes) => session.begin(modes).map(|()| Outcome::done("BEGIN")),
        Statement::Commit => session.commit().await.map(Outcome::done),
        Statement::Rollback => {
            session.rollback();
            Ok(Outcome::done("ROLLBACK"))
        }
        Statement::Set(set) => set::run(session, set),
        Statement::SetTransaction { modes, session: true } => set::characteristics(session, modes),
        Statement::SetTransaction { modes, session: false } => set::transaction(session, modes),
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
        Statement::Explain(explained) => describe(session, &explained.statement, given_types)
            .await
            .map(|(types, _)| (types, Some(explain::schema()))),
        statement => describe(session, statement, given_types).await,
    };
    let (parameter_types, result_schema) = described.map_err(|error| located(error, &parsed))?;
    Ok(Prepared { statement: Some(parsed), parameter_types, result_schema })
}

async fn describe(
    session: &mut Session,
    statement: &Statement,
    given_types: &[Option<SqlType>],
) -> Result<Description, Error> {
    match statement {
        Statement::Query(query) => select::describe(session, query, given_types).await,
        Statement::Insert(insert) => insert::describe(session, insert, given_types).await,
        Statement::Delete(delete) => delete::describe(session, delete, given_types).await,
        Statement::Update(update) => update::describe(session, update, given_types).await,
        Statement::Merge(merge) => merge::describe(session, merge, given_types).await,
        Statement::Show(name) => Ok((Vec::new(), Some(show::schema(name)))),
        Statement::AnalyzeCompression(_) => Ok((Vec::new(), Some(analyze_compression::schema()))),
        Statement::CreateTableAs(create) => select::describe(session, &create.query, given_types)
            .await
            .map(|(types, _)| (types, None)),
        _ => Ok((Vec::new(), None)),
    }
}

/// What a statement takes, and what it answers with.
type Description = (Vec<SqlType>, Option<Arc<Schema>>);

/// A plan with its names resolved, and what it is planned with.
struct BoundPlan {
    planning: PlanningSession,
    plan: LogicalPlan,
}

/// Gives an error of planning its place in the query string.
fn located(mut error: Error, parsed: &ParsedStatement) -> Error {
    if let Error::Engine(engine::error::Error::Query(query)) = &mut error {
        query.locate(&parsed.source);
    }
    error
}
