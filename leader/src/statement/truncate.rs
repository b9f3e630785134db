//! TRUNCATE: all rows go at once; the transaction is committed with it, as in Redshift.

use engine::{catalog::CatalogChange, sql::QualifiedName, transaction::LockMode};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::names,
};

pub(super) async fn run(session: &mut Session, name: &QualifiedName) -> Result<Outcome, Error> {
    let table = names::table_to_write(session, name, LockMode::AccessExclusive).await?;
    let removed = table.manifest.runs.iter().map(|run| run.id).collect();
    session.change(vec![CatalogChange::ReplaceRuns {
        table: table.id,
        removed,
        added: Vec::new(),
    }])?;
    session.commit_current().await?;
    Ok(Outcome::done("TRUNCATE TABLE"))
}
