//! SET and RESET.

use engine::{client_error::SqlState, sql::Set};

use crate::{
    error::Error,
    session::{Outcome, Session},
};

pub(super) fn run(session: &mut Session, set: &Set) -> Result<Outcome, Error> {
    let value = set.values.as_ref().map(|values| values.join(", "));
    if set.local && !session.in_block() {
        let message = "SET LOCAL can only be used in transaction blocks";
        session.notice("WARNING", SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
        return Ok(Outcome::done("SET"));
    }
    session.set_parameter(&set.name, value.as_deref(), set.local)?;
    Ok(Outcome::done("SET"))
}

pub(super) fn reset(session: &mut Session, name: &str) -> Result<Outcome, Error> {
    if name == "all" {
        session.reset_parameters();
    } else {
        session.set_parameter(name, None, false)?;
    }
    Ok(Outcome::done("RESET"))
}
