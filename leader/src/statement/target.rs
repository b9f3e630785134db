//! The target of DELETE, UPDATE and MERGE: how its rows are found, and how they go.
//!
//! ```text
//!  SELECT t."$run", t."$position", values … FROM "$target".t, … WHERE …      an ordinary plan
//!      └─ rows ─▶ addresses noted, each once ─▶ values ─▶ runs (UPDATE, MERGE)
//!                        └─ at the end ─▶ delete vectors
//! ```

use std::sync::Arc;

use compute::addresses::{Addresses, SecondMatch, TargetRows};
use datafusion::{common::ScalarValue, logical_expr::LogicalPlan};
use engine::{
    catalog::Table,
    error::Error as EngineError,
    execution::{POSITION_COLUMN, RUN_COLUMN},
    plan::{PlanningSession, TARGET_SCHEMA},
    sql::{QualifiedName, Target as TargetClause},
    storage::PendingObjects,
    transaction::LockMode,
    write::{DeletedRows, TableVersions, delete_all, delete_rows},
};
use futures::TryStreamExt;
use sqlparser::ast;
use tokio::task::JoinSet;

use crate::{
    cluster::appends,
    error::Error,
    session::Session,
    statement::{
        BoundPlan, names, select,
        write::{self, RowStreams, Upkeep},
    },
};

/// The table that a statement changes.
pub(super) struct Target {
    pub(super) table: Arc<Table>,
    /// Database, schema and name.
    name: [String; 3],
    /// Whether its name means it without a schema too.
    is_on_path: bool,
    /// What the statement calls it.
    alias: ast::Ident,
    planning: PlanningSession,
}

impl Target {
    /// Returns the target, locked against other writers.
    pub(super) async fn lock(session: &mut Session, clause: &TargetClause) -> Result<Self, Error> {
        let mode = LockMode::ShareRowExclusive;
        let table = names::table_to_write(session, &clause.table, mode).await?;
        Ok(Self::of(session, clause, table))
    }

    /// Returns the target of a statement that is only described.
    pub(super) fn describe(session: &Session, clause: &TargetClause) -> Result<Self, Error> {
        let catalog = session.catalog_now();
        let table = names::table(session, &catalog, &clause.table)?;
        Ok(Self::of(session, clause, table))
    }

    fn of(session: &Session, clause: &TargetClause, table: Arc<Table>) -> Self {
        let alias = clause.alias.as_ref().unwrap_or(&table.name);
        let alias = ast::Ident::with_quote('"', alias);
        let catalog = session.catalog_now();
        let schema = catalog.schema_by_id(table.schema).map(|schema| schema.name.clone());
        let database = session.client().database.clone();
        let name = [database, schema.unwrap_or_default(), table.name.clone()];
        let bare = QualifiedName { database: None, schema: None, name: table.name.clone() };
        let found = names::table(session, &catalog, &bare);
        let is_on_path = found.is_ok_and(|found| found.id == table.id);
        let planning = session.planning_for(catalog, Some(Arc::clone(&table)));
        Self { table, name, is_on_path, alias, planning }
    }

    /// Returns whether a name in FROM means the target.
    pub(super) fn is(&self, name: &[ast::Ident]) -> bool {
        let written = name.iter().rev().map(|part| &part.value);
        let same = written.zip(self.name.iter().rev()).all(|(written, own)| written == own);
        same && (name.len() > 1 || self.is_on_path)
    }

    /// Says that the statement calls the target so.
    pub(super) fn called(mut self, alias: ast::Ident) -> Self {
        self.alias = alias;
        self
    }

    /// Returns the target as a table of FROM.
    pub(super) fn relation(&self) -> ast::TableFactor {
        let alias = ast::TableAlias {
            explicit: true,
            name: self.alias.clone(),
            columns: Vec::new(),
            at: None,
        };
        ast::TableFactor::Table {
            name: ast::ObjectName::from(self.own_name().to_vec()),
            alias: Some(alias),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        }
    }

    /// Returns a column of the target, whatever else of its name there is.
    pub(super) fn column(&self, name: &str) -> ast::Expr {
        let column = ast::Ident::with_quote('"', name);
        ast::Expr::CompoundIdentifier(self.own_name().into_iter().chain([column]).collect())
    }

    /// Returns the name under which nothing else is found.
    fn own_name(&self) -> [ast::Ident; 2] {
        [TARGET_SCHEMA, &self.table.name].map(|part| ast::Ident::with_quote('"', part))
    }

    /// Returns whether a row of the query has a row of the target: an outer join has some without.
    pub(super) fn is_there(&self) -> ast::Expr {
        ast::Expr::IsNotNull(Box::new(self.column(RUN_COLUMN)))
    }

    /// Returns the query `SELECT address, values… FROM target, … WHERE …`.
    pub(super) fn query(&self, clause: &TargetClause, values: Vec<ast::Expr>) -> ast::Query {
        self.query_with(clause, values, |select| {
            let target = ast::TableWithJoins { relation: self.relation(), joins: Vec::new() };
            select.from.insert(0, target);
        })
    }

    /// Returns the query with the target where `place` puts it in FROM.
    pub(super) fn query_with(
        &self,
        clause: &TargetClause,
        values: Vec<ast::Expr>,
        place: impl FnOnce(&mut ast::Select),
    ) -> ast::Query {
        let mut query = (*clause.source).clone();
        if let ast::SetExpr::Select(select) = query.body.as_mut() {
            select.projection = self.projection(values);
            place(select);
        }
        query
    }

    /// Returns the select list: the address, then a value for each column.
    fn projection(&self, values: Vec<ast::Expr>) -> Vec<ast::SelectItem> {
        let item = |(name, expr): (String, ast::Expr)| ast::SelectItem::ExprWithAlias {
            expr,
            alias: ast::Ident::with_quote('"', name),
        };
        let address = [RUN_COLUMN, POSITION_COLUMN].map(|n| (n.to_owned(), self.column(n)));
        // The names are nobody's: the position decides which column a value is for.
        let values = values.into_iter().enumerate().map(|(n, value)| (format!("$value{n}"), value));
        address.into_iter().chain(values).map(item).collect()
    }

    /// Resolves the names of a query over the target.
    pub(super) async fn bind(
        &self,
        query: &ast::Query,
        parameters: &[ScalarValue],
    ) -> Result<LogicalPlan, Error> {
        select::bind(&self.planning, query, parameters).await
    }

    /// Returns what was bound, for EXPLAIN.
    pub(super) fn bound(&self, plan: LogicalPlan) -> BoundPlan {
        BoundPlan { planning: self.planning.clone(), plan }
    }

    /// Runs what was bound: the rows of the target that it finds give way to their values, whose columns are `given`.
    /// Returns how many rows were written, and how many were deleted.
    pub(super) async fn replace(
        &self,
        session: &mut Session,
        (plan, given): (&LogicalPlan, &[usize]),
        rows: TargetRows,
        finds_rows_again: bool,
    ) -> Result<(u64, u64), Error> {
        let (table, upkeep) = (&self.table, Upkeep::None);
        let leader = Arc::clone(session.leader());
        if let Some(nodes) = leader.compute_nodes() {
            let append = write::append_of_nodes(session, table, given, upkeep).await?;
            // Two nodes that find the same row would both write it.
            let meets = finds_rows_again && rows.second_match == SecondMatch::Ignored;
            let change = appends::Change { append, rows, meets };
            let note = |plan: &_| session.note_plan(plan);
            let query = appends::Query { nodes, planning: &self.planning, plan, note: &note };
            let (written, deleted) = appends::change(query, change).await?;
            let written = write::record(session, table, written, upkeep)?;
            return Ok((written, self.delete(session, deleted).await?));
        }
        let addresses = Addresses::new(rows);
        let streams = addresses.take_off(self.streams(session, plan).await?);
        let written = write::append(session, table, given, streams, upkeep).await?;
        Ok((written, self.delete(session, addresses.into_rows()).await?))
    }

    /// Runs what was bound; returns the rows of the target that it finds.
    pub(super) async fn find(
        &self,
        session: &mut Session,
        plan: &LogicalPlan,
        second_match: SecondMatch,
    ) -> Result<DeletedRows, Error> {
        let rows = self.rows(second_match, false);
        let leader = session.leader();
        if let Some(nodes) = leader.compute_nodes() {
            let slice_count = leader.log().slice_count();
            let note = |plan: &_| session.note_plan(plan);
            let query = appends::Query { nodes, planning: &self.planning, plan, note: &note };
            return Ok(appends::find(query, &self.table, slice_count, rows).await?);
        }
        let addresses = Addresses::new(rows);
        let mut reading = JoinSet::new();
        for mut rows in addresses.take_off(self.streams(session, plan).await?) {
            reading.spawn(async move {
                while rows.try_next().await?.is_some() {}
                Ok::<_, EngineError>(())
            });
        }
        while let Some(finished) = reading.join_next().await {
            finished.map_err(EngineError::panicked)??;
        }
        Ok(addresses.into_rows())
    }

    /// Returns what is done with the target's rows.
    pub(super) fn rows(&self, second_match: SecondMatch, keeps_matched: bool) -> TargetRows {
        TargetRows { run_count: self.table.manifest.runs.len(), second_match, keeps_matched }
    }

    /// Runs what was bound in this process, one stream per partition.
    async fn streams(&self, session: &Session, plan: &LogicalPlan) -> Result<RowStreams, Error> {
        let plan = self.planning.physical(plan).await?;
        session.note_plan(&plan);
        write::streams_of(plan, &self.planning)
    }

    /// Writes the rows of what was bound, of which none is the target's; returns how many.
    pub(super) async fn append(
        &self,
        session: &mut Session,
        plan: &LogicalPlan,
        given: &[usize],
    ) -> Result<u64, Error> {
        let query = (&self.planning, plan);
        write::append_query(session, &self.table, given, query, Upkeep::None).await
    }

    /// Deletes rows, within the session's transaction; returns how many.
    pub(super) async fn delete(
        &self,
        session: &mut Session,
        rows: DeletedRows,
    ) -> Result<u64, Error> {
        let row_count = rows.row_count();
        let storage = Arc::clone(session.leader().storage());
        let mut pending = PendingObjects::new(Arc::clone(&storage));
        let states = States::of(session, &self.table);
        let changes = delete_rows(&storage, states.versions(), rows, &mut pending).await?;
        session.change(changes)?;
        pending.keep();
        Ok(row_count)
    }

    /// Deletes all rows, within the session's transaction; returns how many.
    pub(super) fn delete_all(&self, session: &mut Session) -> Result<u64, Error> {
        let changes = delete_all(States::of(session, &self.table).versions())?;
        session.change(changes)?;
        Ok(self.table.manifest.row_count())
    }
}

/// The states of a table that a delete has to do with, held while it is done.
struct States {
    table: Arc<Table>,
    base: Option<Arc<Table>>,
    head: Option<Arc<Table>>,
    xid: engine::ids::Xid,
    pid: engine::ids::Pid,
}

impl States {
    fn of(session: &mut Session, table: &Arc<Table>) -> Self {
        let (head, pid) = (session.leader().log().head(), session.client().pid);
        let is_temporary = session.is_temporary(table.schema);
        let transaction = session.transaction();
        let xid = transaction.xid();
        let base = transaction.base().table_by_id(table.id);
        // Nobody else knows a temporary table.
        let head = if is_temporary { base } else { head.table_by_id(table.id) };
        Self {
            table: Arc::clone(table),
            base: base.map(Arc::clone),
            head: head.map(Arc::clone),
            xid,
            pid,
        }
    }

    fn versions(&self) -> TableVersions<'_> {
        TableVersions {
            table: &self.table,
            base: self.base.as_deref(),
            head: self.head.as_deref(),
            xid: self.xid,
            pid: self.pid,
        }
    }
}
