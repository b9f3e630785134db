//! CANCEL: ends the statement that another session runs.

use engine::{client_error::SqlState, ids::Pid, sql::Cancel, system::SessionControl};

use crate::{
    error::Error,
    session::{Outcome, Session},
};

pub(super) fn run(session: &Session, cancel: &Cancel) -> Result<Outcome, Error> {
    let cancels = session.leader().cancels();
    let message = cancel.message.as_deref();
    let pid = i32::try_from(cancel.process).ok();
    if pid.is_some_and(|pid| cancels.cancel_statement(Pid(pid), message)) {
        return Ok(Outcome::done("CANCEL"));
    }
    let message = format!("Session {} does not exist", cancel.process);
    Err(Error::statement(SqlState::UNDEFINED_OBJECT, message))
}
