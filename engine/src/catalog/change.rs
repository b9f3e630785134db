//! Catalogue changes: the only way anything changes, and what the commit log holds.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{
        Catalog, CatalogError, Database, DatabaseChange, FIRST_DATABASE, FormerName,
        IsolationLevel, Relation, Schema, Table, TableChange, TableManifest, View,
    },
    distribution::DistStyle,
    ids::{ColumnId, DatabaseId, DeleteVectorId, RunId, SchemaId, SliceId, TableId},
    storage::{
        paths::{ObjectPath, RunPath},
        run::{DeleteVectorEntry, Run},
    },
};

/// One step from a catalogue to its next version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CatalogChange {
    /// A new schema.
    CreateSchema(Arc<Schema>),
    /// A schema without relations goes.
    DropSchema(SchemaId),
    /// A new table.
    CreateTable(Arc<Table>),
    /// A table goes; its runs become garbage.
    DropTable(TableId),
    /// A new view, or a new definition of one (`OR REPLACE` keeps the id).
    PutView(Arc<View>),
    /// A view goes.
    DropView(TableId),
    /// A table or view is called otherwise; views that stand on it still do.
    Rename {
        /// The table or view.
        relation: TableId,
        /// Its new name, in the same schema.
        name: String,
    },
    /// A table is defined otherwise; its runs stay.
    Alter {
        /// The table.
        table: TableId,
        /// How.
        change: TableChange,
    },
    /// Rows arrive: COPY, INSERT.
    AppendRuns {
        /// The table.
        table: TableId,
        /// Its new runs.
        runs: Vec<Run>,
    },
    /// Rows go and others take their place: TRUNCATE, VACUUM.
    ReplaceRuns {
        /// The table.
        table: TableId,
        /// The runs that go; every one must be live.
        removed: Vec<RunId>,
        /// The runs that come.
        added: Vec<Run>,
    },
    /// All runs of a table become another's: ALTER TABLE APPEND.
    MoveRuns {
        /// The table that is empty afterwards.
        source: TableId,
        /// The table that has the rows.
        target: TableId,
        /// For each column of the target, which one of the source it takes its values from.
        columns: Vec<Option<ColumnId>>,
    },
    /// Rows of runs that stay are deleted: DELETE, UPDATE, MERGE.
    DeleteRows {
        /// The table.
        table: TableId,
        /// The runs they are in, each once.
        runs: Vec<RunDeletes>,
    },
    /// Rows to come go to slices in another way; those that are there stay where they are.
    SetDistStyle {
        /// The table.
        table: TableId,
        /// The style.
        style: DistStyle,
    },
    /// Identity values up to this one are taken.
    AdvanceIdentity {
        /// The table.
        table: TableId,
        /// The position of the column.
        column: usize,
        /// The next value.
        next: i64,
    },
    /// Transactions to come of the first database are kept apart in this way: in records of roots that had one only.
    SetIsolationLevel(IsolationLevel),
    /// A new database, without schemas.
    CreateDatabase(Arc<Database>),
    /// A database is defined otherwise.
    AlterDatabase {
        /// The database.
        database: DatabaseId,
        /// How.
        change: DatabaseChange,
    },
    /// A database without schemas goes.
    DropDatabase(DatabaseId),
}

/// Rows of one run that are deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDeletes {
    /// The run.
    pub run: RunId,
    /// Its slice.
    pub slice: SliceId,
    /// The table it was written for, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<TableId>,
    /// Delete vectors of the run whose rows the new one takes over; every one must be there.
    pub replaced: Vec<DeleteVectorId>,
    /// The new delete vector.
    pub vector: DeleteVectorEntry,
}

impl RunDeletes {
    /// Returns where the run is, as a run of `table`.
    pub fn path(&self, table: TableId) -> RunPath {
        RunPath { table: self.home.unwrap_or(table), slice: self.slice, run: self.run }
    }
}

impl CatalogChange {
    /// Returns the table it is about, if it is about the rows of one.
    pub fn table(&self) -> Option<TableId> {
        match self {
            Self::AppendRuns { table, .. }
            | Self::ReplaceRuns { table, .. }
            | Self::DeleteRows { table, .. }
            | Self::DropTable(table) => Some(*table),
            _ => None,
        }
    }

    /// Returns the table that loses objects by it.
    pub fn shrunk_table(&self) -> Option<TableId> {
        self.table().filter(|_| !matches!(self, Self::AppendRuns { .. }))
    }

    /// Returns the table that objects have been moved to by it.
    pub fn target_of_move(&self) -> Option<TableId> {
        match self {
            Self::MoveRuns { target, .. } => Some(*target),
            _ => None,
        }
    }

    /// Returns the objects that were written for it.
    pub fn written_objects(&self) -> Vec<ObjectPath> {
        match self {
            Self::AppendRuns { table, runs } | Self::ReplaceRuns { table, added: runs, .. } => {
                // A run that VACUUM wrote may come with a delete vector.
                runs.iter().flat_map(|run| run.objects(*table)).collect()
            }
            Self::DeleteRows { table, runs } => {
                let object = |deletes: &RunDeletes| {
                    ObjectPath::DeleteVector(deletes.path(*table), deletes.vector.id)
                };
                runs.iter().map(object).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Catalog {
    /// Applies a change, or says why this version does not allow it.
    pub fn apply(&mut self, change: &CatalogChange) -> Result<(), CatalogError> {
        match change {
            CatalogChange::CreateSchema(schema) => self.create_schema(schema),
            CatalogChange::DropSchema(id) => self.drop_schema(*id),
            CatalogChange::CreateTable(table) => self.create_table(table),
            CatalogChange::DropTable(id) => self.drop_table(*id),
            CatalogChange::PutView(view) => self.put_view(view),
            CatalogChange::DropView(id) => self.drop_view(*id),
            CatalogChange::Rename { relation, name } => self.rename(*relation, name),
            CatalogChange::Alter { table, change } => self.alter(*table, change),
            CatalogChange::AppendRuns { table, runs } => {
                let table = self.table_mut(*table)?;
                table.statistics.modified_count +=
                    runs.iter().map(Run::live_row_count).sum::<u64>();
                let manifest = Arc::make_mut(&mut table.manifest);
                manifest.runs.extend(runs.iter().map(|run| Arc::new(run.clone())));
                Ok(())
            }
            CatalogChange::ReplaceRuns { table, removed, added } => {
                self.replace_runs(*table, removed, added)
            }
            CatalogChange::MoveRuns { source, target, columns } => {
                self.move_runs(*source, *target, columns)
            }
            CatalogChange::DeleteRows { table, runs } => self.delete_rows(*table, runs),
            CatalogChange::SetDistStyle { table, style } => {
                self.table_mut(*table)?.dist_style = *style;
                Ok(())
            }
            CatalogChange::AdvanceIdentity { table, column, next } => {
                self.advance_identity(*table, *column, *next)
            }
            CatalogChange::SetIsolationLevel(level) => {
                self.alter_database(FIRST_DATABASE, &DatabaseChange::Isolation(*level))
            }
            CatalogChange::CreateDatabase(database) => self.create_database(database),
            CatalogChange::AlterDatabase { database, change } => {
                self.alter_database(*database, change)
            }
            CatalogChange::DropDatabase(id) => self.drop_database(*id),
        }
    }

    fn create_schema(&mut self, schema: &Arc<Schema>) -> Result<(), CatalogError> {
        self.require_free_schema_name(schema)?;
        self.next_oid = self.next_oid.max(schema.id.0 + 1);
        Arc::make_mut(&mut self.schemas).insert(schema.id, Arc::clone(schema));
        Ok(())
    }

    fn drop_schema(&mut self, id: SchemaId) -> Result<(), CatalogError> {
        let schema =
            self.schemas.get(&id).ok_or_else(|| CatalogError::UndefinedSchema(id.to_string()))?;
        let tables = self.tables.values().filter(|t| t.schema == id).map(|t| &t.name);
        let views = self.views.values().filter(|v| v.schema == id).map(|v| &v.name);
        let dependents: Vec<String> = tables.chain(views).cloned().collect();
        if !dependents.is_empty() {
            let name = schema.name.clone();
            return Err(CatalogError::DependentObjects { what: "schema", name, dependents });
        }
        Arc::make_mut(&mut self.schemas).remove(&id);
        Ok(())
    }

    fn require_free_name(&self, schema: SchemaId, name: &str) -> Result<(), CatalogError> {
        if self.schema_by_id(schema).is_none() {
            return Err(CatalogError::UndefinedSchema(schema.to_string()));
        }
        match self.relation(schema, name) {
            Some(_) => Err(CatalogError::DuplicateTable(name.to_owned())),
            None => Ok(()),
        }
    }

    fn create_table(&mut self, table: &Arc<Table>) -> Result<(), CatalogError> {
        self.require_free_name(table.schema, &table.name)?;
        self.next_oid = self.next_oid.max(table.id.0 + 1);
        Arc::make_mut(&mut self.tables).insert(table.id, Arc::clone(table));
        Ok(())
    }

    fn drop_table(&mut self, id: TableId) -> Result<(), CatalogError> {
        let Some(table) = self.tables.get(&id) else {
            return Err(CatalogError::ConcurrentlyDropped(id.to_string()));
        };
        self.require_no_dependents("table", id, &table.name)?;
        Arc::make_mut(&mut self.tables).remove(&id);
        Ok(())
    }

    fn put_view(&mut self, view: &Arc<View>) -> Result<(), CatalogError> {
        let taken = match self.relation(view.schema, &view.name) {
            Some(Relation::View(old)) => old.id != view.id,
            Some(Relation::Table(_)) => true,
            None => false,
        };
        if taken {
            return Err(CatalogError::DuplicateTable(view.name.clone()));
        }
        for id in &view.depends_on {
            if !self.tables.contains_key(id) && !self.views.contains_key(id) {
                return Err(CatalogError::ConcurrentlyDropped(id.to_string()));
            }
        }
        let mut made_of = view.made_of.iter();
        if let Some(gone) = made_of.find(|table| !self.has_columns(table)) {
            return Err(CatalogError::ConcurrentlyChanged(gone.table.to_string()));
        }
        self.next_oid = self.next_oid.max(view.id.0 + 1);
        Arc::make_mut(&mut self.views).insert(view.id, Arc::clone(view));
        Ok(())
    }

    fn drop_view(&mut self, id: TableId) -> Result<(), CatalogError> {
        let Some(view) = self.views.get(&id) else {
            return Err(CatalogError::ConcurrentlyDropped(id.to_string()));
        };
        self.require_no_dependents("view", id, &view.name)?;
        Arc::make_mut(&mut self.views).remove(&id);
        Ok(())
    }

    fn rename(&mut self, id: TableId, name: &str) -> Result<(), CatalogError> {
        let (schema, before) = match self.relation_by_id(id) {
            Some(Relation::Table(table)) => (table.schema, table.name.clone()),
            Some(Relation::View(view)) => (view.schema, view.name.clone()),
            None => return Err(CatalogError::ConcurrentlyDropped(id.to_string())),
        };
        self.require_free_name(schema, name)?;
        for view in
            Arc::make_mut(&mut self.views).values_mut().filter(|view| view.depends_on.contains(&id))
        {
            let known = view.former_names.iter().any(|former| former.relation == id);
            if !known {
                let former = FormerName { schema, name: before.clone(), relation: id };
                Arc::make_mut(view).former_names.push(former);
            }
        }
        if let Some(table) = Arc::make_mut(&mut self.tables).get_mut(&id) {
            name.clone_into(&mut Arc::make_mut(table).name);
        }
        if let Some(view) = Arc::make_mut(&mut self.views).get_mut(&id) {
            name.clone_into(&mut Arc::make_mut(view).name);
        }
        Ok(())
    }

    /// Returns the views that stand on a table or view.
    pub fn dependents(&self, id: TableId) -> impl Iterator<Item = &Arc<View>> {
        self.views.values().filter(move |view| view.depends_on.contains(&id))
    }

    fn require_no_dependents(
        &self,
        what: &'static str,
        id: TableId,
        name: &str,
    ) -> Result<(), CatalogError> {
        let dependents: Vec<String> =
            self.dependents(id).map(|view| format!("view {}", view.name)).collect();
        if dependents.is_empty() {
            return Ok(());
        }
        Err(CatalogError::DependentObjects { what, name: name.to_owned(), dependents })
    }

    pub(super) fn table_mut(&mut self, id: TableId) -> Result<&mut Table, CatalogError> {
        let table = Arc::make_mut(&mut self.tables)
            .get_mut(&id)
            .ok_or_else(|| CatalogError::ConcurrentlyDropped(id.to_string()))?;
        Ok(Arc::make_mut(table))
    }

    fn replace_runs(
        &mut self,
        id: TableId,
        removed: &[RunId],
        added: &[Run],
    ) -> Result<(), CatalogError> {
        let table = self.table_mut(id)?;
        let removed: HashSet<RunId> = removed.iter().copied().collect();
        let runs = &table.manifest.runs;
        let kept = runs.iter().filter(|run| !removed.contains(&run.id)).map(Arc::clone);
        let added_runs = added.iter().map(|run| Arc::new(run.clone()));
        let runs: Vec<Arc<Run>> = kept.chain(added_runs).collect();
        // Every run that goes must have been there.
        if runs.len() + removed.len() != table.manifest.runs.len() + added.len() {
            return Err(CatalogError::ConcurrentlyChanged(table.name.clone()));
        }
        table.set_runs(runs);
        Ok(())
    }

    fn delete_rows(&mut self, id: TableId, deletes: &[RunDeletes]) -> Result<(), CatalogError> {
        let table = self.table_mut(id)?;
        let mut by_run: HashMap<RunId, &RunDeletes> =
            deletes.iter().map(|deletes| (deletes.run, deletes)).collect();
        let mut runs = table.manifest.runs.clone();
        for run in &mut runs {
            let Some(RunDeletes { replaced, vector, .. }) = by_run.remove(&run.id) else {
                continue;
            };
            let run = Arc::make_mut(run);
            let known = run.deletes.len();
            run.deletes.retain(|vector| !replaced.contains(&vector.id));
            if run.deletes.len() + replaced.len() != known {
                return Err(CatalogError::ConcurrentlyChanged(table.name.clone()));
            }
            run.deletes.push(*vector);
        }
        if !by_run.is_empty() {
            return Err(CatalogError::ConcurrentlyChanged(table.name.clone()));
        }
        table.set_runs(runs);
        Ok(())
    }

    fn advance_identity(
        &mut self,
        id: TableId,
        column: usize,
        next: i64,
    ) -> Result<(), CatalogError> {
        let table = self.table_mut(id)?;
        let identity = table.columns.get_mut(column).and_then(|column| column.identity.as_mut());
        if let Some(identity) = identity {
            let further = (next > identity.next) == (identity.step > 0);
            if further {
                identity.next = next;
            }
        }
        Ok(())
    }
}

impl Table {
    /// Gives the table other runs. Rows that are in as many as before count as the same: they were written anew.
    fn set_runs(&mut self, runs: Vec<Arc<Run>>) {
        let manifest = TableManifest { runs };
        let changed = manifest.row_count().abs_diff(self.manifest.row_count());
        self.statistics.modified_count += changed;
        self.manifest = Arc::new(manifest);
    }
}
