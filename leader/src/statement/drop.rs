//! DROP TABLE | VIEW | SCHEMA.

use engine::{
    catalog::{Catalog, CatalogChange, CatalogError, Relation},
    client_error::SqlState,
    ids::TableId,
    sql::{Drop, DropKind, QualifiedName},
    transaction::LockMode,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
    statement::names,
};

pub(super) async fn run(session: &mut Session, drop: &Drop) -> Result<Outcome, Error> {
    lock(session, drop).await?;
    for name in &drop.names {
        let catalog = session.catalog();
        let changes = match drop.kind {
            DropKind::Schema => drop_schema(&catalog, &name.name, drop.cascade),
            DropKind::Table | DropKind::View => {
                drop_relation(session, &catalog, drop.kind, name, drop.cascade)
            }
        };
        match changes {
            Ok(changes) => session.change(changes)?,
            Err(error) if drop.if_exists && is_absent(&error) => {
                let message =
                    format!("{} \"{name}\" does not exist and will be skipped", word(drop.kind));
                session.notice("INFO", SqlState("00000"), message);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Outcome::done(format!("DROP {}", word(drop.kind).to_uppercase())))
}

/// Locks the tables that go, so that whoever writes to one ends first.
async fn lock(session: &mut Session, drop: &Drop) -> Result<(), Error> {
    let catalog = session.catalog_now();
    for name in &drop.names {
        let tables: Vec<TableId> = match drop.kind {
            DropKind::View => Vec::new(),
            DropKind::Table => match names::table(session, &catalog, name) {
                Ok(table) => vec![table.id],
                // Said where it is dropped.
                Err(_) => Vec::new(),
            },
            DropKind::Schema => {
                let schema = catalog.schema(&name.name).map(|schema| schema.id);
                let tables = catalog.tables().filter(|table| Some(table.schema) == schema);
                tables.map(|table| table.id).collect()
            }
        };
        for table in tables {
            session.lock_table(table, LockMode::AccessExclusive).await?;
        }
    }
    Ok(())
}

fn word(kind: DropKind) -> &'static str {
    match kind {
        DropKind::Table => "table",
        DropKind::View => "view",
        DropKind::Schema => "schema",
    }
}

fn is_absent(error: &Error) -> bool {
    matches!(
        error,
        Error::Engine(engine::error::Error::Catalog(
            CatalogError::UndefinedTable(_)
                | CatalogError::UndefinedView(_)
                | CatalogError::UndefinedSchema(_)
        ))
    )
}

fn drop_relation(
    session: &Session,
    catalog: &Catalog,
    kind: DropKind,
    name: &QualifiedName,
    cascade: bool,
) -> Result<Vec<CatalogChange>, Error> {
    let mut changes = Vec::new();
    match (kind, names::relation(session, catalog, name)?) {
        (DropKind::Table, Relation::Table(table)) => {
            if cascade {
                drop_dependents(catalog, table.id, &mut changes);
            }
            changes.push(CatalogChange::DropTable(table.id));
        }
        (DropKind::View, Relation::View(view)) => {
            if cascade {
                drop_dependents(catalog, view.id, &mut changes);
            }
            changes.push(CatalogChange::DropView(view.id));
        }
        (DropKind::Table, Relation::View(_)) => {
            return Err(CatalogError::NotATable(name.to_string()).into());
        }
        (_, _) => return Err(CatalogError::NotAView(name.to_string()).into()),
    }
    Ok(changes)
}

/// Drops what stands on a table or view, the topmost first.
fn drop_dependents(catalog: &Catalog, id: TableId, changes: &mut Vec<CatalogChange>) {
    for view in catalog.dependents(id) {
        drop_view(catalog, view.id, changes);
    }
}

/// Drops a view, and what stands on it first.
pub(super) fn drop_view(catalog: &Catalog, id: TableId, changes: &mut Vec<CatalogChange>) {
    drop_dependents(catalog, id, changes);
    let change = CatalogChange::DropView(id);
    if !changes.contains(&change) {
        changes.push(change);
    }
}

/// Drops a schema, and what is in it if that is wanted.
pub(super) fn drop_schema(
    catalog: &Catalog,
    name: &str,
    cascade: bool,
) -> Result<Vec<CatalogChange>, Error> {
    let schema =
        catalog.schema(name).ok_or_else(|| CatalogError::UndefinedSchema(name.to_owned()))?;
    let mut changes = Vec::new();
    if cascade {
        for view in catalog.views().filter(|view| view.schema == schema.id) {
            drop_view(catalog, view.id, &mut changes);
        }
        for table in catalog.tables().filter(|table| table.schema == schema.id) {
            drop_dependents(catalog, table.id, &mut changes);
            changes.push(CatalogChange::DropTable(table.id));
        }
    }
    changes.push(CatalogChange::DropSchema(schema.id));
    Ok(changes)
}
