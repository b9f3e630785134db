//! The planner: one template for the warehouse, one session per statement.

use std::{panic::resume_unwind, sync::Arc};

use datafusion::{
    common::TableReference,
    datasource::provider_as_source,
    error::{DataFusionError, Result},
    execution::{
        FunctionRegistry, SessionState, SessionStateBuilder, TaskContext, runtime_env::RuntimeEnv,
    },
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
    physical_plan::ExecutionPlan,
    prelude::SessionConfig,
    sql::parser::Statement as DataFusionStatement,
};
use sqlparser::ast;
use tokio::runtime::Handle;

use crate::{
    catalog::{Catalog, FormerColumns, FormerName, Table, View},
    execution::{NodeMemory, route_function},
    functions,
    ids::{ColumnId, TableId},
    plan::{
        analyzer,
        catalog_view::CatalogView,
        column_names, column_uses,
        distribution::{Distribution, KnowsSlices, OneProcess, PlanHead, SlicePlanner},
        functions_exist, lateral_aliases, optimizer, physical, qualified_columns,
        scalar_subqueries, settings,
    },
    sql,
    storage::ManagedStorage,
    system::SystemContext,
    transaction::ReadTables,
};

/// How many names of select lists one query may use where DataFusion does not see them; names that
/// stand on each other in a circle end here.
const LATERAL_ALIASES_MAX: usize = 100;

/// The parameter that plans without knowledge of slices are asked for by.
const DIST_PLANNER_PARAMETER: &str = "enable_dist_planner";

/// What one statement may see.
#[derive(Clone)]
pub struct QueryContext {
    /// The version of the catalogue it reads, its transaction's own changes included.
    pub catalog: Arc<Catalog>,
    /// Where runs are.
    pub storage: Arc<ManagedStorage>,
    /// Slices of the cluster.
    pub slice_count: u32,
    /// What system tables and functions are asked about.
    pub system: Arc<SystemContext>,
    /// The table that the statement changes: what [`TARGET_SCHEMA`](crate::plan::TARGET_SCHEMA) holds.
    pub target: Option<Arc<Table>>,
    /// Names that mean what they once did: those of the view whose query is planned.
    pub former_names: Vec<FormerName>,
    /// Columns that tables had when the view was made whose query is planned.
    pub former_columns: Vec<FormerColumns>,
    /// A column that is marked in every plan, to find out who uses it.
    pub marked: Option<(TableId, ColumnId)>,
    /// Where the tables are noted that the query reads, if that matters to its transaction.
    pub reads: Option<ReadTables>,
    /// How many views the query is inside of.
    pub view_depth: usize,
}

impl QueryContext {
    /// Returns whether plans may rely on where the slices have rows: not with
    /// `SET enable_dist_planner = off`, which makes the plans that others are compared with.
    pub(super) fn knows_slices(&self) -> bool {
        let mut parameters = self.system.parameters.iter();
        !parameters.any(|(name, value)| name == DIST_PLANNER_PARAMETER && value == "off")
    }

    /// Returns the context that a view's query is planned in: names mean what they did when the view
    /// was made.
    pub(crate) fn inside(&self, view: &View) -> Arc<Self> {
        let search_path = view.search_path.clone();
        let system = Arc::new(SystemContext { search_path, ..(*self.system).clone() });
        Arc::new(Self {
            system,
            former_names: view.former_names.clone(),
            former_columns: view.made_of.clone(),
            view_depth: self.view_depth + 1,
            ..self.clone()
        })
    }
}

/// Makes plans. Cheap to clone.
#[derive(Clone)]
pub struct Planner {
    template: Arc<SessionState>,
    memory: Arc<NodeMemory>,
    distribution: Arc<dyn Distribution>,
}

impl Planner {
    /// Returns a planner for `slice_count` slices, all in this process.
    pub fn new(slice_count: u32, memory: Arc<NodeMemory>) -> Result<Self> {
        Self::with_distribution(slice_count, memory, Arc::new(OneProcess))
    }

    /// As [`Self::new`]; `distribution` says where the pieces of plans run.
    pub fn with_distribution(
        slice_count: u32,
        memory: Arc<NodeMemory>,
        distribution: Arc<dyn Distribution>,
    ) -> Result<Self> {
        let config = settings::session_config(slice_count as usize, &memory)?;
        let builder = SessionStateBuilder::new()
            // Ours are asked before DataFusion's.
            .with_expr_planners(functions::planners())
            .with_default_features()
            .with_config(config)
            .with_physical_optimizer_rules(physical::physical_rules())
            .with_query_planner(Arc::new(SlicePlanner { distribution: Arc::clone(&distribution) }))
            // What is no query's, and takes little: merges of runs.
            .with_runtime_env(memory.of_query());
        let builder = analyzer::rules()
            .into_iter()
            .fold(builder, |builder, rule| builder.with_analyzer_rule(rule));
        let builder = optimizer::rules()
            .into_iter()
            .fold(builder, |builder, rule| builder.with_optimizer_rule(rule));
        let mut template = distribution.configure(builder)?.build();
        functions::register(&mut template)?;
        Ok(Self { template: Arc::new(template), memory, distribution })
    }

    /// Returns what operators need to run that are not part of a statement.
    pub fn task_context(&self) -> Arc<TaskContext> {
        self.template.task_ctx()
    }

    /// Returns the memory that plans run in.
    pub fn memory(&self) -> &NodeMemory {
        &self.memory
    }

    /// Returns a plan as EXPLAIN tells it: in the operators of one process, wherever its pieces run. What they
    /// counted is there when it has run.
    pub fn told(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        self.distribution.told(plan)
    }

    /// Returns a session for a piece of a plan of another node: this planner's functions and settings, the
    /// extensions of `received`. The memory of the query of this name is among its extensions, as a [`RuntimeEnv`].
    pub fn state_with(&self, mut received: SessionConfig, query: &str) -> Result<SessionState> {
        let mut state = (*self.template).clone();
        // Functions travel by name; nobody types the names here.
        let routing = std::iter::once(Arc::new(route_function()));
        for function in functions::scalar::beside_ours().into_iter().chain(routing) {
            let _ours = state.register_udf(function)?;
        }
        let mut options = state.config_options().as_ref().clone();
        options.extensions = received.options().extensions.clone();
        *received.options_mut() = options;
        *state.config_mut() = received;
        // A state gets another runtime only by being built anew, and then functions that share a name change places.
        state.config_mut().set_extension(self.memory.of_query_named(query));
        Ok(state)
    }

    /// Returns a session for one statement.
    pub fn session(&self, context: Arc<QueryContext>) -> PlanningSession {
        let mut state = (*self.template).clone();
        // The time that current_date and now() are.
        state.mark_start_execution();
        self.distribution.begin(state.config_mut());
        for function in functions::session_functions(Arc::clone(&context.system)) {
            // Replacing a function of the same name is the point; the old one is returned.
            let _replaced = state.register_udf(function);
        }
        state.config_mut().set_extension(Arc::new(KnowsSlices(context.knows_slices())));
        let catalog = CatalogView { planner: self.clone(), context };
        state.register_catalog_list(Arc::new(catalog.clone()));
        PlanningSession { state: Arc::new(state), catalog, runtime: self.memory.of_query() }
    }
}

/// Binds and plans within one statement.
///
/// Binding and planning compute without a pause. They do so on threads of their own, so that who waits
/// for them can be cancelled, and others are served meanwhile.
#[derive(Clone)]
pub struct PlanningSession {
    state: Arc<SessionState>,
    catalog: CatalogView,
    /// The statement's memory.
    runtime: Arc<RuntimeEnv>,
}

impl PlanningSession {
    /// Resolves the names of a query, and the types if it has no parameters: those wait for
    /// [`Self::typed`].
    pub async fn bind(&self, query: &ast::Query) -> Result<LogicalPlan> {
        let (session, query) = (self.clone(), query.clone());
        apart(async move { session.bind_here(&query).await }).await
    }

    /// As [`Self::bind`], on this thread: for what is bound while a query is.
    pub(super) async fn bind_here(&self, query: &ast::Query) -> Result<LogicalPlan> {
        let query = &qualified_columns::resolved(query, &self.catalog)
            .map_err(|error| DataFusionError::External(error))?;
        let mut replaced: Option<ast::Query> = None;
        for _ in 0..LATERAL_ALIASES_MAX {
            let query = replaced.as_ref().unwrap_or(query);
            let error = match self.bind_names(query).await {
                Ok(plan) => return Ok(plan),
                Err(error) => error,
            };
            replaced = Some(lateral_aliases::replaced(query, &error).ok_or(error)?);
        }
        self.bind_names(replaced.as_ref().unwrap_or(query)).await
    }

    async fn bind_names(&self, query: &ast::Query) -> Result<LogicalPlan> {
        let query = prepared(query);
        functions_exist::check(&query, &self.state)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let statement = ast::Statement::Query(Box::new(query));
        let statement = DataFusionStatement::Statement(Box::new(statement));
        let plan = self.state.statement_to_plan(statement).await?;
        if plan.get_parameter_names()?.is_empty() { self.typed(plan) } else { Ok(plan) }
    }

    /// Gives every expression of a bound plan its type, once its parameters have values.
    pub fn typed(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        analyzer::typed(plan, self.state.config_options())
    }

    /// Returns whether the query of a view uses a column of a table.
    pub async fn view_uses(&self, view: &View, table: TableId, column: ColumnId) -> Result<bool> {
        column_uses::in_view(&self.catalog, view, (table, column)).await
    }

    /// Returns all rows of a table, with the columns at these positions.
    pub fn scan(&self, table: &Arc<Table>, columns: Vec<usize>) -> Result<LogicalPlan> {
        let provider = provider_as_source(Arc::new(self.catalog.scan(Arc::clone(table))));
        let name = TableReference::bare(table.name.as_str());
        LogicalPlanBuilder::scan(name, provider, Some(columns))?.build()
    }

    /// Resolves an expression without columns: a plan of one row and one column.
    pub async fn bind_expression(&self, expression: ast::Expr) -> Result<LogicalPlan> {
        self.bind(&sql::values_query(vec![vec![expression]])).await
    }

    /// Plans what was bound: analyzer, optimizer, physical planner, our passes.
    pub async fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.physical_in(Arc::clone(&self.state), plan).await
    }

    /// As [`Self::physical`]; `head` puts something on top of the plan before its pieces get their places.
    pub async fn physical_under(
        &self,
        plan: &LogicalPlan,
        head: impl Fn(Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> + Send + Sync + 'static,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut state = (*self.state).clone();
        state.config_mut().set_extension(Arc::new(PlanHead(Box::new(head))));
        self.physical_in(Arc::new(state), plan).await
    }

    async fn physical_in(
        &self,
        state: Arc<SessionState>,
        plan: &LogicalPlan,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.clone();
        apart(async move { state.create_physical_plan(&plan).await }).await
    }

    /// Returns what operators need to run.
    pub fn task_context(&self) -> Arc<TaskContext> {
        let context = TaskContext::from(self.state.as_ref());
        Arc::new(context.with_runtime(Arc::clone(&self.runtime)))
    }

    /// Returns DataFusion's state, for what it alone can do (EXPLAIN).
    pub fn state(&self) -> &SessionState {
        &self.state
    }
}

/// Runs what computes for long on a thread that nothing else waits for.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work)).await.unwrap_or_else(|error| {
        match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(DataFusionError::ExecutionJoin(Box::new(error))),
        }
    })
}

/// Returns a query in the form that DataFusion binds: every column with a name of its own, correlated
/// scalar subqueries as aggregates.
pub(crate) fn prepared(query: &ast::Query) -> ast::Query {
    let mut query = query.clone();
    column_names::name_columns(&mut query);
    scalar_subqueries::aggregate_them(&mut query);
    query
}
