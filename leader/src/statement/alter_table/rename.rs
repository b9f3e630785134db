//! ALTER TABLE … RENAME TO: of a table or a view, as Redshift takes it for both.

use engine::{
    catalog::{CatalogChange, Relation},
    sql::QualifiedName,
    transaction::LockMode,
};

use crate::{error::Error, session::Session, statement::names};

pub(super) async fn run(
    session: &mut Session,
    name: &QualifiedName,
    new_name: &str,
) -> Result<(), Error> {
    // Whoever writes to the table ends first.
    if let Relation::Table(table) = names::relation(session, &session.catalog_now(), name)? {
        session.lock_table(table.id, LockMode::AccessExclusive).await?;
    }
    let catalog = session.catalog();
    let relation = match names::relation(session, &catalog, name)? {
        Relation::Table(table) => table.id,
        Relation::View(view) => view.id,
    };
    session.change(vec![CatalogChange::Rename { relation, name: new_name.to_owned() }])
}
