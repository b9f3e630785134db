//! ALTER TABLE … RENAME TO: of a table or a view, as Redshift takes it for both.

use engine::{
    catalog::{CatalogChange, Relation},
    sql::RenameTable,
    transaction::LockMode,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::names,
};

pub(super) async fn run(session: &mut Session, rename: &RenameTable) -> Result<Outcome, Error> {
    // Whoever writes to the table ends first.
    if let Relation::Table(table) = names::relation(session, &session.catalog_now(), &rename.name)?
    {
        session.lock_table(table.id, LockMode::AccessExclusive).await?;
    }
    let catalog = session.catalog();
    let relation = match names::relation(session, &catalog, &rename.name)? {
        Relation::Table(table) => table.id,
        Relation::View(view) => view.id,
    };
    session.change(vec![CatalogChange::Rename { relation, name: rename.new_name.clone() }])?;
    Ok(Outcome::done("ALTER TABLE"))
}
