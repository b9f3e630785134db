//! DROP DATABASE: with everything that is in it.

use engine::{
    catalog::{CatalogChange, CatalogError},
    client_error::SqlState,
    ids::TableId,
    transaction::LockMode,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::{
        alter_database::{refuse_if_accessed, refuse_if_first},
        drop::drop_schema,
    },
};

pub(super) async fn run(session: &mut Session, name: &str) -> Result<Outcome, Error> {
    session.refuse_shared_transaction("DROP DATABASE")?;
    let database = match session.catalog_now().database(name) {
        Some(database) => database.id,
        None => return Err(CatalogError::UndefinedDatabase(name.to_owned()).into()),
    };
    if name == session.client().database {
        let message = "cannot drop the currently open database";
        return Err(Error::statement(SqlState::OBJECT_IN_USE, message));
    }
    // Only the background writes to its tables, and reads what it has locked.
    let tables: Vec<TableId> =
        session.catalog_now().seen_from(database).tables().map(|table| table.id).collect();
    for table in tables {
        session.lock_table(table, LockMode::AccessExclusive).await?;
    }
    let catalog = session.catalog().seen_from(database);
    let known = catalog.database_by_id(database);
    let known = known.ok_or_else(|| CatalogError::UndefinedDatabase(name.to_owned()))?;
    refuse_if_first(known, "dropped")?;
    refuse_if_accessed(session, name)?;
    let mut changes = Vec::new();
    for schema in catalog.schemas() {
        for change in drop_schema(&catalog, &schema.name, true)? {
            // A view may stand on tables of several schemas.
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    changes.push(CatalogChange::DropDatabase(database));
    session.change(changes)?;
    Ok(Outcome::done("DROP DATABASE"))
}
