//! The one catalogue, as DataFusion wants to see it: databases, schemas, tables.
//!
//! Unqualified names go to the pseudo schema [`SEARCH_SCHEMA`], which looks through `pg_catalog` and
//! then the search path, in order, as PostgreSQL does.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider},
    common::{Column, TableReference, metadata::FieldMetadata},
    datasource::{ViewTable, provider_as_source},
    error::{DataFusionError, Result},
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder},
};

use crate::{
    catalog::{CatalogError, FormerColumns, Relation, Table, View},
    client_error::SqlState,
    execution::{MARK_KEY, WarehouseTable},
    ids::DatabaseId,
    plan::{
        late_binding_columns,
        planner::{Planner, QueryContext},
        zone_maps,
    },
    sql::{self, SqlError},
    system,
};

/// Where unqualified names are looked up. No user schema can have this name: identifiers never
/// start with `$` unquoted, and it is refused quoted.
pub(super) const SEARCH_SCHEMA: &str = "$search_path";

/// The database that names without one are in, whatever it is called. None can be called so.
pub(super) const CURRENT_DATABASE: &str = "$database";

/// Where a statement finds the table it changes, with the columns of row addresses: under its own name,
/// so that other mentions of the table do not get these columns.
pub const TARGET_SCHEMA: &str = "$target";

/// Database, schema and name of a table.
pub(super) type WholeName = [String; 3];

/// How deep views may stand on views: each is planned inside of the one above.
const VIEW_DEPTH_MAX: usize = 32;
/// Schemas that hold the system's own tables.
const SYSTEM_SCHEMAS: &[&str] = &["pg_catalog", "information_schema"];

/// All databases of the cluster, as one statement sees them.
#[derive(Clone)]
pub(super) struct CatalogView {
    pub(super) planner: Planner,
    pub(super) context: Arc<QueryContext>,
}

impl fmt::Debug for CatalogView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CatalogView(version {})", self.context.catalog.version)
    }
}

impl CatalogProviderList for CatalogView {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.context.catalog.databases().map(|database| database.name.clone()).collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        if name == CURRENT_DATABASE {
            return Some(Arc::new(self.clone()));
        }
        // One that is not there is answered too, for PostgreSQL's error.
        Some(match self.context.catalog.database(name) {
            Some(database) => Arc::new(self.seen_from(database.id)),
            None => Arc::new(NoDatabase { name: name.to_owned() }),
        })
    }
}

impl CatalogProvider for CatalogView {
    fn schema_names(&self) -> Vec<String> {
        let user = self.context.catalog.schemas().map(|schema| schema.name.clone());
        user.chain(SYSTEM_SCHEMAS.iter().map(|name| (*name).to_owned())).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        // A schema that is not there is answered too: its tables then fail with PostgreSQL's error
        // rather than DataFusion's.
        Some(Arc::new(SchemaView { view: self.clone(), name: name.to_owned() }))
    }
}

/// A database that does not exist.
#[derive(Debug, Clone)]
struct NoDatabase {
    name: String,
}

impl CatalogProvider for NoDatabase {
    fn schema_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn schema(&self, _name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl SchemaProvider for NoDatabase {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, _name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Err(external(CatalogError::UndefinedDatabase(self.name.clone())))
    }

    fn table_exist(&self, _name: &str) -> bool {
        false
    }
}

/// One schema, or the search path.
#[derive(Debug)]
struct SchemaView {
    view: CatalogView,
    name: String,
}

#[async_trait]
impl SchemaProvider for SchemaView {
    fn table_names(&self) -> Vec<String> {
        let Some(schema) = self.view.context.catalog.schema(&self.name) else { return Vec::new() };
        let catalog = &self.view.context.catalog;
        let tables = catalog.tables().filter(|t| t.schema == schema.id).map(|t| t.name.clone());
        let views = catalog.views().filter(|v| v.schema == schema.id).map(|v| v.name.clone());
        tables.chain(views).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.name == SEARCH_SCHEMA {
            return self.view.search(name).await.map(Some);
        }
        if self.name == TARGET_SCHEMA {
            return Ok(self.view.target());
        }
        self.view.lookup(&self.name, name).await.map(Some)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}

/// Returns whether a table has the columns it had, and no other.
fn has_just(table: &Table, former: &FormerColumns) -> bool {
    let columns = table.columns.iter().map(|column| (column.id, &column.name));
    columns.eq(former.columns.iter().map(|(id, name)| (*id, name)))
}

fn mark() -> FieldMetadata {
    FieldMetadata::new(BTreeMap::from([(MARK_KEY.to_owned(), "true".to_owned())]))
}

fn system_table_elsewhere(name: &str) -> SqlError {
    SqlError {
        sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
        message: format!("system table \"{name}\" of another database cannot be queried"),
        hint: Some("SVV_ALL_* and SVV_REDSHIFT_* tables show all databases.".to_owned()),
        position: None,
    }
}

fn external(error: CatalogError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl CatalogView {
    /// Returns what another database looks like to the statement: it can be read.
    fn seen_from(&self, database: DatabaseId) -> Self {
        let catalog = self.context.catalog.seen_from(database);
        let context = QueryContext { catalog, ..(*self.context).clone() };
        Self { planner: self.planner.clone(), context: Arc::new(context) }
    }

    /// Returns whether it is another database than the one connected to.
    fn is_other_database(&self) -> bool {
        let connected_to = self.context.system.catalog.current_database();
        self.context.catalog.current_database() != connected_to
    }

    /// Returns which table a name means, of up to three parts: none of that name, if its schema is empty.
    pub(super) fn whole_name(&self, parts: &[&str]) -> Option<WholeName> {
        let catalog = &self.context.catalog;
        let current = || {
            let database = catalog.database_by_id(catalog.current_database());
            database.map_or("", |database| database.name.as_str())
        };
        let whole = match parts {
            [name] => {
                let schema = self.path().find(|schema| self.has(schema, name));
                [current(), schema.unwrap_or(""), name]
            }
            [TARGET_SCHEMA, name] => {
                let target = self.context.target.as_ref()?;
                [current(), &catalog.schema_by_id(target.schema)?.name, name]
            }
            [schema, name] => [current(), *schema, *name],
            [database, schema, name] => [*database, *schema, *name],
            _ => return None,
        };
        Some(whole.map(str::to_owned))
    }

    /// Returns the schemas that an unqualified name is looked up in.
    fn path(&self) -> impl Iterator<Item = &str> {
        // PostgreSQL searches pg_catalog first unless the path names it.
        let path = &self.context.system.search_path;
        let implicit = (!path.iter().any(|schema| schema == "pg_catalog")).then_some("pg_catalog");
        implicit.into_iter().chain(path.iter().map(String::as_str))
    }

    async fn search(&self, name: &str) -> Result<Arc<dyn TableProvider>> {
        for schema in self.path() {
            if let Some(table) = self.find(schema, name).await? {
                return Ok(table);
            }
        }
        Err(external(CatalogError::UndefinedTable(name.to_owned())))
    }

    async fn lookup(&self, schema: &str, name: &str) -> Result<Arc<dyn TableProvider>> {
        if let Some(table) = self.find(schema, name).await? {
            return Ok(table);
        }
        let known =
            SYSTEM_SCHEMAS.contains(&schema) || self.context.catalog.schema(schema).is_some();
        Err(external(if known {
            CatalogError::UndefinedTable(format!("{schema}.{name}"))
        } else {
            CatalogError::UndefinedSchema(schema.to_owned())
        }))
    }

    async fn find(&self, schema: &str, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if (schema, name) == ("pg_catalog", late_binding_columns::NAME) {
            return late_binding_columns::provider(self).await.map(Some);
        }
        if SYSTEM_SCHEMAS.contains(&schema) {
            let system = match system::shows_zone_maps(name) {
                true => zone_maps::with_zone_maps(&self.context).await?,
                false => Arc::clone(&self.context.system),
            };
            let provider = system::provider(schema, name, system);
            if provider.is_some() && self.is_other_database() {
                return Err(DataFusionError::External(Box::new(system_table_elsewhere(name))));
            }
            return Ok(provider);
        }
        match self.relation(schema, name) {
            Some(Relation::Table(table)) => self.table(table).map(Some),
            Some(Relation::View(view)) => self.expand(&view).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns whether a schema has a table of this name.
    fn has(&self, schema: &str, name: &str) -> bool {
        (schema, name) == ("pg_catalog", late_binding_columns::NAME)
            || system::find(schema, name).is_some()
            || self.relation(schema, name).is_some()
    }

    /// Returns the table or view of a user's schema that has this name, or had it.
    fn relation(&self, schema: &str, name: &str) -> Option<Relation> {
        let catalog = &self.context.catalog;
        let schema = catalog.schema(schema)?;
        let mut former = self.context.former_names.iter();
        match former.find(|former| former.schema == schema.id && former.name == name) {
            Some(former) => catalog.relation_by_id(former.relation),
            None => catalog.relation(schema.id, name),
        }
    }

    /// Returns a table with the columns that it has in the query.
    fn table(&self, table: Arc<Table>) -> Result<Arc<dyn TableProvider>> {
        let mut former = self.context.former_columns.iter();
        let former = former.find(|former| former.table == table.id);
        let marked = self.context.marked.filter(|(id, _)| *id == table.id);
        let Some(former) = former.filter(|former| !has_just(&table, former)) else {
            let position = marked.and_then(|(_, column)| table.position(column));
            let scan = self.scan(table);
            return Ok(Arc::new(match position {
                Some(position) => scan.with_mark(position),
                None => scan,
            }));
        };
        let name = TableReference::bare(table.name.as_str());
        let columns = former.columns.iter().filter_map(|(id, known_as)| {
            let column = table.columns.get(table.position(*id)?)?;
            let column = Expr::Column(Column::new(Some(name.clone()), &column.name));
            let is_marked = marked.is_some_and(|(_, marked)| marked == *id);
            Some(column.alias_with_metadata(known_as.as_str(), is_marked.then(mark)))
        });
        let columns: Vec<Expr> = columns.collect();
        let source = provider_as_source(Arc::new(self.scan(Arc::clone(&table))));
        let scan = LogicalPlanBuilder::scan(name, source, None)?;
        Ok(Arc::new(ViewTable::new(scan.project(columns)?.build()?, None)))
    }

    pub(super) fn scan(&self, table: Arc<Table>) -> WarehouseTable {
        if let Some(reads) = &self.context.reads {
            reads.note(table.id);
        }
        let storage = Arc::clone(&self.context.storage);
        let table = WarehouseTable::new(table, storage, self.context.slice_count);
        if self.context.knows_slices() { table } else { table.without_slice_pruning() }
    }

    fn target(&self) -> Option<Arc<dyn TableProvider>> {
        let target = Arc::clone(self.context.target.as_ref()?);
        Some(Arc::new(self.scan(target).with_row_addresses()))
    }

    /// A view is its query, bound under the search path it was written under.
    pub(super) async fn expand(&self, view: &View) -> Result<Arc<dyn TableProvider>> {
        let plan = self.bind_view(view).await?;
        if view.late_binding {
            return Ok(Arc::new(ViewTable::new(plan, Some(view.definition.clone()))));
        }
        let names = plan.schema().columns();
        let columns: Vec<Expr> = names
            .into_iter()
            .zip(&view.columns)
            .map(|(column, named)| Expr::Column(column).alias(named.name.as_str()))
            .collect();
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        Ok(Arc::new(ViewTable::new(plan, Some(view.definition.clone()))))
    }

    /// Binds the query of a view.
    pub(super) async fn bind_view(&self, view: &View) -> Result<LogicalPlan> {
        let query = sql::parse_query(&view.definition)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        if self.context.view_depth == VIEW_DEPTH_MAX {
            return Err(DataFusionError::External(Box::new(SqlError {
                sqlstate: SqlState::PROGRAM_LIMIT_EXCEEDED,
                message: format!("view \"{}\" is more than {VIEW_DEPTH_MAX} views deep", view.name),
                hint: Some("A late-binding view must not stand on itself.".to_owned()),
                position: None,
            })));
        }
        let context = self.context.inside(view);
        Box::pin(self.planner.session(context).bind_here(&query)).await
    }
}
