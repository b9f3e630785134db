//! ALTER DATABASE … ISOLATION LEVEL: how the transactions of all sessions to come are kept apart.

use engine::{
    catalog::{CatalogChange, CatalogError, IsolationLevel},
    client_error::SqlState,
    sql::AlterDatabase,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    vacuum::NO_SESSION,
};

pub(super) fn run(session: &mut Session, alter: &AlterDatabase) -> Result<Outcome, Error> {
    session.refuse_shared_transaction("ALTER DATABASE ISOLATION LEVEL")?;
    let name = &alter.name;
    if name != session.leader().database() {
        return Err(CatalogError::UndefinedDatabase(name.clone()).into());
    }
    // What a transaction has read before is known to nobody: there must be none, but those of the background,
    // which can be tried again.
    let sessions = session.leader().sessions().list();
    let own = [session.client().pid, NO_SESSION];
    if sessions.iter().any(|other| !own.contains(&other.pid)) {
        let message = format!("database \"{name}\" is being accessed by other users");
        return Err(Error::statement(SqlState::OBJECT_IN_USE, message));
    }
    let level = match alter.serializable {
        true => IsolationLevel::Serializable,
        false => IsolationLevel::Snapshot,
    };
    if session.catalog().isolation != level {
        session.change(vec![CatalogChange::SetIsolationLevel(level)])?;
    }
    Ok(Outcome::done("ALTER DATABASE"))
}
