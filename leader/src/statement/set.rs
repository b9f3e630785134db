//! SET and RESET.

use engine::{
    client_error::SqlState,
    sql::{Set, TransactionModes},
};

use crate::{
    error::Error,
    session::{DEFAULT_TRANSACTION, Outcome, Session, TRANSACTION},
};

pub(super) fn run(session: &mut Session, set: &Set) -> Result<Outcome, Error> {
    let value = set.values.as_ref().map(|values| values.join(", "));
    // These two are a transaction's, however they are set.
    let local = set.local || TRANSACTION.contains(&set.name.as_str());
    if local && !session.in_block() {
        return Ok(without_block(session, "SET LOCAL"));
    }
    session.set_parameter(&set.name, value.as_deref(), local)?;
    Ok(Outcome::done("SET"))
}

/// SET TRANSACTION.
pub(super) fn transaction(
    session: &mut Session,
    modes: &TransactionModes,
) -> Result<Outcome, Error> {
    if !session.in_block() {
        return Ok(without_block(session, "SET TRANSACTION"));
    }
    session.set_modes(modes, TRANSACTION, true)?;
    Ok(Outcome::done("SET"))
}

/// SET SESSION CHARACTERISTICS AS TRANSACTION.
pub(super) fn characteristics(
    session: &mut Session,
    modes: &TransactionModes,
) -> Result<Outcome, Error> {
    session.set_modes(modes, DEFAULT_TRANSACTION, false)?;
    Ok(Outcome::done("SET"))
}

fn without_block(session: &mut Session, what: &str) -> Outcome {
    let message = format!("{what} can only be used in transaction blocks");
    session.notice("WARNING", SqlState::NO_ACTIVE_SQL_TRANSACTION, message);
    Outcome::done("SET")
}

pub(super) fn reset(session: &mut Session, name: &str) -> Result<Outcome, Error> {
    if name == "all" {
        session.reset_parameters();
    } else {
        session.set_parameter(name, None, false)?;
    }
    Ok(Outcome::done("RESET"))
}
