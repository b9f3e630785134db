//! What exists, as of one version: databases, schemas, tables, views and the live runs of every table.
//!
//! ```text
//!  Catalog (version 41) ──apply(changes)──▶ Catalog (version 42)
//!     ▲ readers keep theirs                    ▲ new readers take this one
//! ```
//!
//! Invariants:
//!
//! * A catalogue never changes; [`CatalogChange`] makes the next version of it.
//! * There is one catalogue. Whatever DataFusion or a system table shows is a view over it.

mod alter;
mod change;
mod database;
mod error;
mod isolation;
mod move_runs;
mod schema;
mod statistics;
mod table;
mod temporary;
mod view;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::ids::{CommitSeq, DatabaseId, SchemaId, TableId};

pub use alter::TableChange;
pub use change::{CatalogChange, RunDeletes};
pub use database::{DATABASES_MAX, Database, DatabaseChange, FIRST_DATABASE};
pub use error::CatalogError;
pub use isolation::IsolationLevel;
pub use schema::{SUPERUSER, Schema};
pub use statistics::{AnalyzedColumn, TableStatistics};
pub use table::{
    Column, Identity, SortKey, Table, TableConstraint, TableConstraintKind, TableManifest,
};
pub use temporary::{TEMPORARY_PREFIX, Temporary};
pub use view::{FormerColumns, FormerName, View, ViewColumn};

/// The schema that the first database starts with.
pub const PUBLIC_SCHEMA: SchemaId = SchemaId(2200);
/// The schema of PostgreSQL's and Redshift's own tables.
pub const PG_CATALOG_SCHEMA: SchemaId = SchemaId(11);
/// The schema of the SQL standard's views.
pub const INFORMATION_SCHEMA: SchemaId = SchemaId(12);
/// The first OID given to something a user creates, as in Redshift.
const FIRST_USER_OID: u32 = 100_000;

/// Everything that exists, as of one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The commit that made this version.
    pub version: CommitSeq,
    /// The next OID to give; never one that was used.
    pub next_oid: u32,
    #[serde(default = "first_database")]
    databases: Arc<BTreeMap<DatabaseId, Arc<Database>>>,
    schemas: Arc<BTreeMap<SchemaId, Arc<Schema>>>,
    tables: Arc<BTreeMap<TableId, Arc<Table>>>,
    views: Arc<BTreeMap<TableId, Arc<View>>>,
    /// That of the only database, in checkpoints of roots that had one only.
    #[serde(default, rename = "isolation", skip_serializing)]
    only_isolation: Option<IsolationLevel>,
    /// The database whose schemas names are looked up in.
    #[serde(skip, default = "current_database")]
    current_database: DatabaseId,
    /// The committed version that this one is made of, if it is seen from another database, or with temporary tables.
    #[serde(skip)]
    held: Option<Arc<Catalog>>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            version: CommitSeq(0),
            next_oid: FIRST_USER_OID,
            databases: first_database(),
            schemas: Arc::new(BTreeMap::from([(PUBLIC_SCHEMA, Arc::new(Schema::first()))])),
            tables: Arc::default(),
            views: Arc::default(),
            only_isolation: None,
            current_database: current_database(),
            held: None,
        }
    }
}

fn first_database() -> Arc<BTreeMap<DatabaseId, Arc<Database>>> {
    Arc::new(BTreeMap::from([(FIRST_DATABASE, Arc::new(Database::first()))]))
}

fn current_database() -> DatabaseId {
    FIRST_DATABASE
}

/// A table or a view: they share one name space.
#[derive(Debug, Clone)]
pub enum Relation {
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
}

impl Catalog {
    /// Returns what a checkpoint says, in the form of today.
    pub(crate) fn upgraded(mut self) -> Result<Self, CatalogError> {
        if let Some(level) = self.only_isolation.take() {
            self.alter_database(FIRST_DATABASE, &DatabaseChange::Isolation(level))?;
        }
        Ok(self)
    }

    /// Returns the user schemas of the database, by id.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.schemas.values().filter(|schema| schema.database == self.current_database)
    }

    /// Returns the tables of the database, by id.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values().filter(|table| self.is_here(table.schema))
    }

    /// Returns the views of the database, by id.
    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.views.values().filter(|view| self.is_here(view.schema))
    }

    /// Returns the schema of this name in the database.
    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        self.schemas().find(|schema| schema.name == name)
    }

    /// Returns the schema with this id.
    pub fn schema_by_id(&self, id: SchemaId) -> Option<&Arc<Schema>> {
        self.schemas.get(&id)
    }

    /// Returns the table with this id.
    pub fn table_by_id(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// Returns the view with this id.
    pub fn view_by_id(&self, id: TableId) -> Option<&Arc<View>> {
        self.views.get(&id)
    }

    /// Returns the table or view of this id.
    pub fn relation_by_id(&self, id: TableId) -> Option<Relation> {
        let table = self.table_by_id(id).map(|table| Relation::Table(Arc::clone(table)));
        table.or_else(|| self.view_by_id(id).map(|view| Relation::View(Arc::clone(view))))
    }

    /// Returns the table or view of this name in a schema.
    pub fn relation(&self, schema: SchemaId, name: &str) -> Option<Relation> {
        let table = self.tables.values().find(|t| t.schema == schema && t.name == name);
        if let Some(table) = table {
            return Some(Relation::Table(Arc::clone(table)));
        }
        let view = self.views.values().find(|v| v.schema == schema && v.name == name);
        view.map(|view| Relation::View(Arc::clone(view)))
    }

    /// Returns the table or view of this name in the first schema of `search_path` that has it.
    pub fn search(&self, search_path: &[String], name: &str) -> Option<Relation> {
        search_path
            .iter()
            .filter_map(|schema| self.schema(schema))
            .find_map(|schema| self.relation(schema.id, name))
    }
}
