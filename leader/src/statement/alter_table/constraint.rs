//! ALTER TABLE … ADD constraint, DROP CONSTRAINT: informational, as all constraints of keys are.

use std::sync::Arc;

use engine::{
    catalog::{Catalog, CatalogChange, CatalogError, Table, TableChange, TableConstraintKind},
    client_error::SqlState,
    ids::{ColumnId, TableId},
    sql::Constraint,
};

use crate::{
    error::Error,
    session::Session,
    statement::{names, table_definition as definition},
};

/// ADD [CONSTRAINT name] UNIQUE | PRIMARY KEY | FOREIGN KEY.
pub(super) fn add(
    session: &mut Session,
    table: &Arc<Table>,
    written: &Constraint,
) -> Result<TableChange, Error> {
    let catalog = session.catalog();
    let constraint = definition::constraint(written, &table.name, &table.columns, |parent| {
        names::parent(session, &catalog, parent, table.schema)
    })?;
    if table.constraints.iter().any(|known| known.name == constraint.name) {
        let message = format!(
            "constraint \"{}\" for relation \"{}\" already exists",
            constraint.name, table.name
        );
        return Err(Error::statement(SqlState::DUPLICATE_OBJECT, message));
    }
    if constraint.kind == TableConstraintKind::PrimaryKey {
        check_primary_key(table, &constraint.columns)?;
    }
    Ok(TableChange::AddConstraint(constraint))
}

fn check_primary_key(table: &Table, key: &[ColumnId]) -> Result<(), Error> {
    let refused =
        |message: String| Err(Error::statement(SqlState::INVALID_TABLE_DEFINITION, message));
    if table.constraints.iter().any(|known| known.kind == TableConstraintKind::PrimaryKey) {
        let name = &table.name;
        return refused(format!("multiple primary keys for table \"{name}\" are not allowed"));
    }
    let mut nullable = table.columns.iter().filter(|c| c.nullable && key.contains(&c.id));
    match nullable.next() {
        Some(column) => refused(format!(
            "cannot add a primary key on column \"{}\", which is not NOT NULL",
            column.name
        )),
        None => Ok(()),
    }
}

/// DROP CONSTRAINT: foreign keys that refer to a key go with it, or keep it.
pub(super) fn drop(
    session: &mut Session,
    table: &Arc<Table>,
    name: &str,
    cascade: bool,
) -> Result<Vec<CatalogChange>, Error> {
    let Some(constraint) = table.constraints.iter().find(|known| known.name == name) else {
        let message =
            format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
        return Err(Error::statement(SqlState::UNDEFINED_OBJECT, message));
    };
    let catalog = session.catalog();
    let mut foreign = match &constraint.kind {
        TableConstraintKind::ForeignKey { .. } => Vec::new(),
        TableConstraintKind::PrimaryKey | TableConstraintKind::Unique => {
            foreign_keys_to(&catalog, table, |columns| columns == constraint.columns)
        }
    };
    if !cascade && !foreign.is_empty() {
        let dependents = foreign.iter().map(|(_, name)| format!("constraint {name}")).collect();
        let name = name.to_owned();
        return Err(CatalogError::DependentObjects { what: "constraint", name, dependents }.into());
    }
    foreign.push((table.id, name.to_owned()));
    let change =
        |(table, name)| CatalogChange::Alter { table, change: TableChange::DropConstraint(name) };
    Ok(foreign.into_iter().map(change).collect())
}

/// Returns the foreign keys, with their tables, that refer to such columns of a table.
pub(super) fn foreign_keys_to(
    catalog: &Catalog,
    table: &Table,
    refers: impl Fn(&[ColumnId]) -> bool,
) -> Vec<(TableId, String)> {
    let mut found = Vec::new();
    for other in catalog.tables() {
        for constraint in &other.constraints {
            if let TableConstraintKind::ForeignKey { table: parent, columns } = &constraint.kind
                && *parent == table.id
                && refers(columns)
            {
                found.push((other.id, constraint.name.clone()));
            }
        }
    }
    found
}
