//! LOCK: keeps other writers away from tables until the end of the transaction.

use engine::{sql::QualifiedName, transaction::LockMode};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::names,
};

pub(super) async fn run(session: &mut Session, tables: &[QualifiedName]) -> Result<Outcome, Error> {
    for table in tables {
        names::table_to_write(session, table, LockMode::AccessExclusive).await?;
    }
    Ok(Outcome::done("LOCK TABLE"))
}
