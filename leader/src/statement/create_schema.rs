//! CREATE SCHEMA.

use std::sync::Arc;

use engine::{
    catalog::{CatalogChange, CatalogError, SUPERUSER, Schema},
    client_error::SqlState,
    ids::SchemaId,
    sql::CreateSchema,
};

use crate::{
    error::Error,
    session::{Outcome, Session},
};

pub(super) fn run(session: &mut Session, create: &CreateSchema) -> Result<Outcome, Error> {
    let name = &create.name;
    if let Some(user) = &create.authorization
        && *user != session.client().user
    {
        let message = format!("user \"{user}\" does not exist");
        return Err(Error::statement(SqlState::UNDEFINED_OBJECT, message));
    }
    let catalog = session.catalog();
    if catalog.schema(name).is_some() {
        if create.if_not_exists {
            let message = format!("schema \"{name}\" already exists, skipping");
            session.notice("INFO", SqlState::DUPLICATE_SCHEMA, message);
            return Ok(Outcome::done("CREATE SCHEMA"));
        }
        return Err(CatalogError::DuplicateSchema(name.clone()).into());
    }
    // The system's names, and the pseudo schema of the search path.
    if name.starts_with("pg_") || name.starts_with('$') || name == "information_schema" {
        let message = format!("unacceptable schema name \"{name}\"");
        return Err(Error::statement(SqlState("42939"), message));
    }
    let id = SchemaId(session.leader().log().new_oid());
    let database = catalog.current_database();
    let schema = Schema { id, database, name: name.clone(), owner: SUPERUSER };
    session.change(vec![CatalogChange::CreateSchema(Arc::new(schema))])?;
    Ok(Outcome::done("CREATE SCHEMA"))
}
