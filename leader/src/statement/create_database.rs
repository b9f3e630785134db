//! CREATE DATABASE.

use std::sync::Arc;

use engine::{
    catalog::{CatalogChange, Database, IsolationLevel, SUPERUSER, Schema},
    client_error::SqlState,
    ids::{DatabaseId, SchemaId, UserId},
    sql::CreateDatabase,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
};

pub(super) fn run(session: &mut Session, create: &CreateDatabase) -> Result<Outcome, Error> {
    session.refuse_shared_transaction("CREATE DATABASE")?;
    check_name(&create.name)?;
    let owner = match &create.owner {
        Some(owner) => user(session, owner)?,
        None => SUPERUSER,
    };
    let (id, public) = {
        let log = session.leader().log();
        (DatabaseId(log.new_oid()), SchemaId(log.new_oid()))
    };
    let database = Database {
        id,
        name: create.name.clone(),
        owner,
        connection_limit: create.connection_limit,
        isolation: isolation_level(create.serializable),
    };
    session.change(vec![
        CatalogChange::CreateDatabase(Arc::new(database)),
        CatalogChange::CreateSchema(Arc::new(Schema::public(public, id, owner))),
    ])?;
    Ok(Outcome::done("CREATE DATABASE"))
}

pub(super) fn isolation_level(serializable: bool) -> IsolationLevel {
    if serializable { IsolationLevel::Serializable } else { IsolationLevel::Snapshot }
}

/// Fails if a database cannot be called so: the planner has names of its own.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if name.starts_with('$') {
        let message = format!("unacceptable database name \"{name}\"");
        return Err(Error::statement(SqlState("42939"), message));
    }
    Ok(())
}

/// Returns the user of this name.
pub(super) fn user(session: &Session, name: &str) -> Result<UserId, Error> {
    if name != session.client().user {
        let message = format!("user \"{name}\" does not exist");
        return Err(Error::statement(SqlState::UNDEFINED_OBJECT, message));
    }
    Ok(SUPERUSER)
}
