//! The temporary tables of one session: in a schema of their own, seen by nobody else and in no record of the log.
//!
//! ```text
//!  committed version ──with_temporary──▶ what the session sees ──temporary──▶ its tables after a commit
//! ```

use std::sync::Arc;

use crate::{
    catalog::{Catalog, CatalogChange, Schema, Table},
    ids::{SchemaId, TableId},
    storage::paths::ObjectPath,
};

/// What schemas of temporary tables are called, before the session's process id.
pub const TEMPORARY_PREFIX: &str = "pg_temp_";

/// The temporary schema of a session, with its tables.
#[derive(Debug, Clone)]
pub struct Temporary {
    schema: Arc<Schema>,
    tables: Vec<Arc<Table>>,
}

impl Temporary {
    /// Returns every object of the tables.
    pub fn objects(&self) -> impl Iterator<Item = ObjectPath> + '_ {
        self.tables.iter().flat_map(|table| table.objects())
    }
}

impl Catalog {
    /// Returns this version with a session's temporary tables in it. Whoever holds it holds this one.
    pub fn with_temporary(self: &Arc<Self>, temporary: &Temporary) -> Arc<Self> {
        let mut catalog = (**self).clone();
        catalog.held = Some(Arc::clone(self));
        Arc::make_mut(&mut catalog.schemas)
            .insert(temporary.schema.id, Arc::clone(&temporary.schema));
        let tables = temporary.tables.iter().map(|table| (table.id, Arc::clone(table)));
        Arc::make_mut(&mut catalog.tables).extend(tables);
        Arc::new(catalog)
    }

    /// Returns the temporary schema of this id, with its tables.
    pub fn temporary(&self, schema: SchemaId) -> Option<Temporary> {
        let schema = Arc::clone(self.schema_by_id(schema)?);
        let tables = self.tables().filter(|table| table.schema == schema.id);
        Some(Temporary { tables: tables.map(Arc::clone).collect(), schema })
    }
}

impl CatalogChange {
    /// Returns whether the change is of a schema, or of one of these tables, which are in it.
    pub(crate) fn is_within(&self, schema: SchemaId, tables: &[TableId]) -> bool {
        match self {
            Self::CreateSchema(created) => created.id == schema,
            Self::DropSchema(id) => *id == schema,
            Self::CreateTable(table) => table.schema == schema,
            Self::DropTable(id) | Self::Rename { relation: id, .. } => tables.contains(id),
            Self::Alter { table, .. }
            | Self::AppendRuns { table, .. }
            | Self::ReplaceRuns { table, .. }
            | Self::DeleteRows { table, .. }
            | Self::SetDistStyle { table, .. }
            | Self::AdvanceIdentity { table, .. } => tables.contains(table),
            Self::PutView(view) => view.schema == schema,
            Self::DropView(_)
            | Self::MoveRuns { .. }
            | Self::SetIsolationLevel(_)
            | Self::CreateDatabase(_)
            | Self::AlterDatabase { .. }
            | Self::DropDatabase(_) => false,
        }
    }
}
