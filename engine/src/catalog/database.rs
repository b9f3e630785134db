//! A database: a name space of schemas, whose transactions are kept apart in a way of its own.
//!
//! A root starts with one, which is in no record: its name is a setting. A catalogue is seen from one of its databases:
//! names are those of its schemas, while ids are good for all.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Catalog, CatalogError, IsolationLevel, SUPERUSER, Schema, Table},
    ids::{DatabaseId, SchemaId, UserId},
};

/// The database that a root starts with.
pub const FIRST_DATABASE: DatabaseId = DatabaseId(100);
/// What it is called, unless the cluster is started with another name.
const FIRST_DATABASE_NAME: &str = "dev";
/// As in Redshift, beside the first.
pub const DATABASES_MAX: usize = 60;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its id and OID.
    pub id: DatabaseId,
    /// Its name, lower case.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// How many connections users may have to it who are no superusers; any number if there is none.
    pub connection_limit: Option<u32>,
    /// How its transactions are kept apart.
    pub isolation: IsolationLevel,
}

/// What ALTER DATABASE changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatabaseChange {
    /// RENAME TO.
    Name(String),
    /// OWNER TO.
    Owner(UserId),
    /// CONNECTION LIMIT.
    ConnectionLimit(Option<u32>),
    /// ISOLATION LEVEL.
    Isolation(IsolationLevel),
}

impl Database {
    pub(super) fn first() -> Self {
        Self {
            id: FIRST_DATABASE,
            name: FIRST_DATABASE_NAME.to_owned(),
            owner: SUPERUSER,
            connection_limit: None,
            isolation: IsolationLevel::default(),
        }
    }
}

/// Reading: databases.
impl Catalog {
    /// Returns all databases, by id.
    pub fn databases(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.databases.values()
    }

    /// Returns the database of this name.
    pub fn database(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.values().find(|database| database.name == name)
    }

    /// Returns the database with this id.
    pub fn database_by_id(&self, id: DatabaseId) -> Option<&Arc<Database>> {
        self.databases.get(&id)
    }

    /// Returns the database that a schema is in.
    pub fn database_of(&self, schema: SchemaId) -> DatabaseId {
        self.schema_by_id(schema).map_or(FIRST_DATABASE, |schema| schema.database)
    }

    /// Returns the database that this catalogue is seen from.
    pub fn current_database(&self) -> DatabaseId {
        self.current_database
    }

    /// Returns how transactions of the database that it is seen from are kept apart; `None` if that is no more.
    pub fn isolation(&self) -> Option<IsolationLevel> {
        self.isolation_in(self.current_database)
    }

    /// As [`Self::isolation`], of any database.
    pub fn isolation_in(&self, database: DatabaseId) -> Option<IsolationLevel> {
        self.database_by_id(database).map(|database| database.isolation)
    }

    /// Returns this version as it is seen from a database. Whoever holds it holds this one.
    pub fn seen_from(self: &Arc<Self>, database: DatabaseId) -> Arc<Self> {
        if self.current_database == database {
            return Arc::clone(self);
        }
        let held = Some(Arc::clone(self));
        Arc::new(Self { current_database: database, held, ..(**self).clone() })
    }

    /// Returns the tables of all databases, by id.
    pub fn all_tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    pub(super) fn is_here(&self, schema: SchemaId) -> bool {
        self.database_of(schema) == self.current_database
    }
}

/// Changing: databases.
impl Catalog {
    pub(super) fn create_database(&mut self, database: &Arc<Database>) -> Result<(), CatalogError> {
        self.require_free_database_name(&database.name)?;
        if self.databases.len() > DATABASES_MAX {
            return Err(CatalogError::TooManyDatabases);
        }
        self.next_oid = self.next_oid.max(database.id.0 + 1);
        Arc::make_mut(&mut self.databases).insert(database.id, Arc::clone(database));
        Ok(())
    }

    pub(super) fn alter_database(
        &mut self,
        id: DatabaseId,
        change: &DatabaseChange,
    ) -> Result<(), CatalogError> {
        if let DatabaseChange::Name(name) = change {
            self.require_free_database_name(name)?;
        }
        let database = Arc::make_mut(&mut self.databases).get_mut(&id);
        let database = database.ok_or_else(|| CatalogError::UndefinedDatabase(id.to_string()))?;
        let database = Arc::make_mut(database);
        match change {
            DatabaseChange::Name(name) => name.clone_into(&mut database.name),
            DatabaseChange::Owner(owner) => database.owner = *owner,
            DatabaseChange::ConnectionLimit(limit) => database.connection_limit = *limit,
            DatabaseChange::Isolation(level) => database.isolation = *level,
        }
        Ok(())
    }

    /// A database goes once its schemas have gone.
    pub(super) fn drop_database(&mut self, id: DatabaseId) -> Result<(), CatalogError> {
        let Some(database) = self.databases.get(&id) else {
            return Err(CatalogError::UndefinedDatabase(id.to_string()));
        };
        let schemas = self.schemas.values().filter(|schema| schema.database == id);
        let dependents: Vec<String> = schemas.map(|schema| schema.name.clone()).collect();
        if !dependents.is_empty() {
            let name = database.name.clone();
            return Err(CatalogError::DependentObjects { what: "database", name, dependents });
        }
        Arc::make_mut(&mut self.databases).remove(&id);
        Ok(())
    }

    fn require_free_database_name(&self, name: &str) -> Result<(), CatalogError> {
        match self.database(name) {
            Some(_) => Err(CatalogError::DuplicateDatabase(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Fails if a schema's database is no more, or has a schema of its name.
    pub(super) fn require_free_schema_name(&self, schema: &Schema) -> Result<(), CatalogError> {
        if !self.databases.contains_key(&schema.database) {
            return Err(CatalogError::UndefinedDatabase(schema.database.to_string()));
        }
        let mut schemas = self.schemas.values();
        match schemas.any(|other| (other.database, &other.name) == (schema.database, &schema.name))
        {
            true => Err(CatalogError::DuplicateSchema(schema.name.clone())),
            false => Ok(()),
        }
    }
}
