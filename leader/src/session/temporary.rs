//! The session's temporary tables: there from their CREATE to the end of the connection.

use std::{collections::HashSet, sync::Arc};

use engine::{
    catalog::{Catalog, CatalogChange, SUPERUSER, Schema, TEMPORARY_PREFIX, Temporary},
    ids::SchemaId,
    storage::paths::ObjectPath,
    transaction::Transaction,
};

use crate::session::Session;

/// The temporary tables of a session, as of its last commit.
#[derive(Debug, Default)]
pub(super) struct TemporaryTables {
    /// Their schema, once there was one.
    schema: Option<Arc<Schema>>,
    tables: Option<Temporary>,
    /// Objects of rows that went with the last commit: whoever was reading them then is done by the next one.
    gone: Vec<ObjectPath>,
}

impl TemporaryTables {
    /// Returns a committed version with the session's tables in it.
    pub(super) fn added_to(&self, catalog: Arc<Catalog>) -> Arc<Catalog> {
        match &self.tables {
            Some(tables) => catalog.with_temporary(tables),
            None => catalog,
        }
    }

    /// Takes what a transaction did to temporary tables out of it.
    pub(super) fn take_from(&self, transaction: &mut Transaction) -> Option<Temporary> {
        transaction.take_temporary(self.schema.as_ref()?.id)
    }

    /// Says what the tables are after a commit; returns objects that nobody reads any more.
    pub(super) fn committed(&mut self, tables: Option<Temporary>) -> Vec<ObjectPath> {
        let live: HashSet<ObjectPath> = tables.iter().flat_map(Temporary::objects).collect();
        let before = self.tables.iter().flat_map(Temporary::objects);
        let gone = before.filter(|object| !live.contains(object)).collect();
        self.tables = tables;
        std::mem::replace(&mut self.gone, gone)
    }

    /// Returns every object there is, at the end of the session.
    pub(super) fn into_objects(self) -> Vec<ObjectPath> {
        let tables = self.tables.iter().flat_map(Temporary::objects);
        self.gone.into_iter().chain(tables).collect()
    }
}

impl Session {
    /// Returns the schema for a new temporary table, and what makes it if it is not there.
    pub(crate) fn temporary_schema(&mut self) -> (Arc<Schema>, Option<CatalogChange>) {
        let known = self.temporary.schema.clone();
        let schema = known.unwrap_or_else(|| {
            let name = format!("{TEMPORARY_PREFIX}{}", self.client.pid);
            let id = SchemaId(self.leader.log().new_oid());
            Arc::new(Schema { id, database: self.database, name, owner: SUPERUSER })
        });
        self.temporary.schema = Some(Arc::clone(&schema));
        let is_there = self.catalog().schema_by_id(schema.id).is_some();
        let create = (!is_there).then(|| CatalogChange::CreateSchema(Arc::clone(&schema)));
        (schema, create)
    }

    /// Returns whether a schema is that of the session's temporary tables.
    pub(crate) fn is_temporary(&self, schema: SchemaId) -> bool {
        self.temporary.schema.as_ref().is_some_and(|temporary| temporary.id == schema)
    }

    /// Returns the schemas that names are looked up in: the search path behind the temporary tables.
    pub(crate) fn lookup_path(&self) -> Vec<String> {
        let temporary = self.temporary.schema.iter().map(|schema| schema.name.clone());
        temporary.chain(self.search_path()).collect()
    }
}
