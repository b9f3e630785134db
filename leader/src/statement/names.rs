//! Names of statements → things of the catalogue.

use std::sync::Arc;

use engine::{
    catalog::{Catalog, CatalogChange, CatalogError, Column, Relation, Schema, Table},
    client_error::SqlState,
    ids::SchemaId,
    sql::QualifiedName,
    transaction::LockMode,
};

use crate::{error::Error, session::Session};

/// Returns the table or view of this name.
pub(super) fn relation(
    session: &Session,
    catalog: &Catalog,
    name: &QualifiedName,
) -> Result<Relation, Error> {
    check_database(catalog, name)?;
    let found = match &name.schema {
        Some(schema) => catalog.relation(user_schema(catalog, schema)?.id, &name.name),
        None => catalog.search(&session.lookup_path(), &name.name),
    };
    found.ok_or_else(|| CatalogError::UndefinedTable(name.to_string()).into())
}

/// Returns the table of this name.
pub(super) fn table(
    session: &Session,
    catalog: &Catalog,
    name: &QualifiedName,
) -> Result<Arc<Table>, Error> {
    match relation(session, catalog, name)? {
        Relation::Table(table) => Ok(table),
        Relation::View(_) => Err(CatalogError::NotATable(name.to_string()).into()),
    }
}

/// Returns the table of this name, locked against other writers until the end of the transaction.
///
/// The lock comes before the snapshot of a transaction that starts here: it sees what the writers
/// before it did.
pub(super) async fn table_to_write(
    session: &mut Session,
    name: &QualifiedName,
    mode: LockMode,
) -> Result<Arc<Table>, Error> {
    loop {
        let locked = table(session, &session.catalog_now(), name)?.id;
        session.lock_table(locked, mode).await?;
        let catalog = session.catalog();
        let table = table(session, &catalog, name)?;
        // While we waited it may have been dropped, and another one made under its name.
        if table.id == locked {
            check_unaltered(session, &table)?;
            return Ok(table);
        }
    }
}

/// Fails if another transaction has altered the table since this one's snapshot: what this one would write
/// is laid out as the table was.
fn check_unaltered(session: &mut Session, table: &Table) -> Result<(), Error> {
    let head = session.leader().log().head();
    let base = session.transaction().base();
    match (base.table_by_id(table.id), head.table_by_id(table.id)) {
        (Some(base), Some(head)) if !head.is_laid_out_as(base) => {
            Err(CatalogError::ConcurrentlyChanged(table.name.clone()).into())
        }
        _ => Ok(()),
    }
}

/// Fails if another transaction has changed the table's rows since this one's snapshot: what is written anew from
/// the snapshot would undo that.
pub(super) fn check_unchanged(session: &mut Session, table: &Table) -> Result<(), Error> {
    let head = session.leader().log().head();
    let base = session.transaction().base();
    match (base.table_by_id(table.id), head.table_by_id(table.id)) {
        (Some(base), Some(head)) if head.manifest != base.manifest => {
            Err(CatalogError::ConcurrentlyChanged(table.name.clone()).into())
        }
        _ => Ok(()),
    }
}

/// Returns the schema a new table or view of this name goes to.
pub(super) fn schema_for_new(
    session: &Session,
    catalog: &Catalog,
    name: &QualifiedName,
) -> Result<Arc<Schema>, Error> {
    check_database(catalog, name)?;
    if let Some(schema) = &name.schema {
        return user_schema(catalog, schema);
    }
    let path = session.search_path();
    let first = path.iter().find_map(|schema| catalog.schema(schema));
    first.map(Arc::clone).ok_or_else(|| {
        Error::statement(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in")
    })
}

/// Returns the table that a foreign key of a table in `schema` refers to.
pub(super) fn parent(
    session: &Session,
    catalog: &Catalog,
    name: &QualifiedName,
    schema: SchemaId,
) -> Result<Arc<Table>, Error> {
    let parent = table(session, catalog, name)?;
    if session.is_temporary(parent.schema) && !session.is_temporary(schema) {
        let message = "constraints on permanent tables may reference only permanent tables";
        return Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    Ok(parent)
}

/// Returns the schema that a new table goes to, and the change that makes it if it is not there.
pub(super) fn schema_for_table(
    session: &mut Session,
    catalog: &Catalog,
    name: &QualifiedName,
    temporary: bool,
) -> Result<(Arc<Schema>, Option<CatalogChange>), Error> {
    if !temporary {
        return Ok((schema_for_new(session, catalog, name)?, None));
    }
    let (schema, create) = session.temporary_schema();
    match &name.schema {
        Some(named) if *named != schema.name && named != "pg_temp" => Err(Error::statement(
            SqlState::INVALID_TABLE_DEFINITION,
            "cannot create temporary relation in non-temporary schema",
        )),
        _ => Ok((schema, create)),
    }
}

/// Returns the column of this name.
pub(super) fn column<'t>(table: &'t Table, name: &str) -> Result<&'t Column, Error> {
    column_position(table, name).map(|position| &table.columns[position])
}

/// Returns the position of a column in a table.
pub(super) fn column_position(table: &Table, column: &str) -> Result<usize, Error> {
    let position = table.columns.iter().position(|known| known.name == column);
    position.ok_or_else(|| {
        let table = table.name.clone();
        CatalogError::UndefinedColumn { table, column: column.to_owned() }.into()
    })
}

/// Returns the positions of the columns named, none of them twice.
pub(super) fn column_positions(table: &Table, columns: &[String]) -> Result<Vec<usize>, Error> {
    let mut positions = Vec::with_capacity(columns.len());
    for name in columns {
        let position = column_position(table, name)?;
        if positions.contains(&position) {
            return Err(specified_twice(name));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// Returns the error of a column that is named twice.
pub(super) fn specified_twice(column: &str) -> Error {
    let message = format!("column \"{column}\" specified more than once");
    Error::statement(SqlState::DUPLICATE_COLUMN, message)
}

fn user_schema(catalog: &Catalog, name: &str) -> Result<Arc<Schema>, Error> {
    if matches!(name, "pg_catalog" | "information_schema") {
        return Err(Error::statement(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("schema \"{name}\" is the system's own and cannot be changed"),
        ));
    }
    let schema = catalog.schema(name).map(Arc::clone);
    schema.ok_or_else(|| CatalogError::UndefinedSchema(name.to_owned()).into())
}

/// Fails unless a name is one of the database connected to: others can be read only, by queries.
fn check_database(catalog: &Catalog, name: &QualifiedName) -> Result<(), Error> {
    let Some(database) = &name.database else { return Ok(()) };
    match catalog.database(database) {
        Some(known) if known.id == catalog.current_database() => Ok(()),
        Some(_) => Err(Error::Statement {
            sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
            message: format!("cross-database references are not implemented: \"{name}\""),
            hint: Some("Queries can read other databases; connect to it for the rest.".to_owned()),
        }),
        None => Err(CatalogError::UndefinedDatabase(database.clone()).into()),
    }
}
