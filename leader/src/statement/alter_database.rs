//! ALTER DATABASE: what it says counts for sessions to come.

use engine::{
    catalog::{CatalogChange, CatalogError, Database, DatabaseChange, FIRST_DATABASE},
    client_error::SqlState,
    sql::{AlterDatabase, AlterDatabaseAction},
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::create_database::{check_name, isolation_level, user},
    vacuum::NO_SESSION,
};

pub(super) fn run(session: &mut Session, alter: &AlterDatabase) -> Result<Outcome, Error> {
    match alter.action {
        AlterDatabaseAction::Isolation { .. } => {
            session.refuse_shared_transaction("ALTER DATABASE ISOLATION LEVEL")?;
        }
        AlterDatabaseAction::Rename(_) => {
            session.refuse_shared_transaction("ALTER DATABASE RENAME")?
        }
        _ => {}
    }
    let catalog = session.catalog();
    let database = catalog.database(&alter.name);
    let database = database.ok_or_else(|| CatalogError::UndefinedDatabase(alter.name.clone()))?;
    let change = match &alter.action {
        AlterDatabaseAction::Rename(name) => rename(session, database, name)?,
        AlterDatabaseAction::Owner(owner) => DatabaseChange::Owner(user(session, owner)?),
        AlterDatabaseAction::ConnectionLimit(limit) => DatabaseChange::ConnectionLimit(*limit),
        AlterDatabaseAction::CaseSensitive => return Ok(done()),
        AlterDatabaseAction::Isolation { serializable } => {
            // What a transaction has read before is known to nobody: there must be none, but those of the background,
            // which can be tried again.
            refuse_if_accessed(session, &database.name)?;
            let level = isolation_level(*serializable);
            if database.isolation == level {
                return Ok(done());
            }
            DatabaseChange::Isolation(level)
        }
    };
    session.change(vec![CatalogChange::AlterDatabase { database: database.id, change }])?;
    Ok(done())
}

fn done() -> Outcome {
    Outcome::done("ALTER DATABASE")
}

fn rename(session: &Session, database: &Database, name: &str) -> Result<DatabaseChange, Error> {
    if database.name == session.client().database {
        let message = "current database may not be renamed";
        return Err(Error::statement(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    refuse_if_first(database, "renamed")?;
    refuse_if_accessed(session, &database.name)?;
    check_name(name)?;
    Ok(DatabaseChange::Name(name.to_owned()))
}

/// Fails for the database that a cluster starts with: Redshift's `dev` can be neither dropped nor renamed.
pub(super) fn refuse_if_first(database: &Database, done: &str) -> Result<(), Error> {
    if database.id != FIRST_DATABASE {
        return Ok(());
    }
    let message = format!("the initial database \"{}\" cannot be {done}", database.name);
    Err(Error::statement(SqlState::WRONG_OBJECT_TYPE, message))
}

/// Fails while other sessions are connected to a database.
pub(super) fn refuse_if_accessed(session: &Session, database: &str) -> Result<(), Error> {
    let own = [session.client().pid, NO_SESSION];
    let sessions = session.leader().sessions().list();
    if sessions.iter().any(|other| other.database == database && !own.contains(&other.pid)) {
        let message = format!("database \"{database}\" is being accessed by other users");
        return Err(Error::statement(SqlState::OBJECT_IN_USE, message));
    }
    Ok(())
}
