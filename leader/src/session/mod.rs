//! A session: one connection's user, parameters and transaction.
//!
//! ```text
//!             BEGIN                       error
//!  Autocommit ─────▶ Block ─────────────────────▶ Failed
//!      ▲               │ COMMIT, ROLLBACK           │ ROLLBACK (or COMMIT)
//!      └───────────────┴────────────────────────────┘
//!  Several statements in one simple query: Implicit, a block that ends with the query string.
//! ```

mod outcome;
mod parameters;
mod registry;
mod running;
mod temporary;
mod transaction;

use std::sync::Arc;

use chrono::Utc;
use datafusion::{common::ScalarValue, physical_plan::ExecutionPlan};
use engine::{
    catalog::{Catalog, CatalogError, Table},
    client_error::SqlState,
    ids::{DatabaseId, Pid, QueryId},
    plan::{PlanningSession, QueryContext},
    sql::{self, ParsedStatement},
    system::{SessionInfo, SystemContext},
    transaction::{HeldLocks, Transaction},
    types::SqlType,
};
use parking_lot::Mutex;

use crate::{error::Error, leader::Leader, statement};

use registry::Registration;
use temporary::TemporaryTables;
use transaction::Mode;

pub use outcome::{Notice, Outcome, Prepared, RowsTag};
pub use parameters::Parameters;
pub use registry::SessionRegistry;
pub use transaction::TransactionState;
pub(crate) use transaction::{DEFAULT_TRANSACTION, TRANSACTION};

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// The session's process id.
    pub pid: Pid,
    /// The user, authenticated.
    pub user: String,
    /// The database asked for.
    pub database: String,
    /// `application_name`.
    pub application_name: String,
    /// The peer's address.
    pub remote: String,
    /// Everything the start-up packet said.
    pub startup_parameters: Vec<(String, String)>,
}

/// One connection's session.
pub struct Session {
    leader: Arc<Leader>,
    client: ClientIdentity,
    database: DatabaseId,
    parameters: Parameters,
    mode: Mode,
    transaction: Option<Transaction>,
    temporary: TemporaryTables,
    /// Locks of a transaction that has not taken its snapshot yet.
    locks: Option<HeldLocks>,
    notices: Vec<Notice>,
    parameter_changes: Vec<(String, String)>,
    /// What SET LOCAL changed, to be undone at the end of the transaction.
    local_parameters: Vec<(String, String)>,
    last_copy: LastCopy,
    /// The statement that runs, or the last one.
    query: QueryId,
    /// The plan whose rows it reads.
    plan: Mutex<Option<Arc<dyn ExecutionPlan>>>,
    _registration: Registration,
}

/// What `pg_last_copy_id()` and `pg_last_copy_count()` answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LastCopy {
    pub(crate) query_id: Option<QueryId>,
    pub(crate) row_count: u64,
}

impl Session {
    /// Opens a session for an authenticated client.
    pub fn open(leader: &Arc<Leader>, client: ClientIdentity) -> Result<Self, Error> {
        let mut parameters = Parameters::new(&client.user);
        for (name, value) in &client.startup_parameters {
            // Drivers send parameters of their own (`client_protocol_version`, …): unknown ones and
            // values we do not know are passed over, or no Redshift driver could connect.
            drop(parameters.set(&name.to_lowercase(), Some(value)));
        }
        parameters.settle();
        let registration = leader.sessions().register(SessionInfo {
            pid: client.pid,
            user: client.user.clone(),
            database: client.database.clone(),
            application_name: client.application_name.clone(),
            remote: client.remote.clone(),
            started_us: Utc::now().timestamp_micros(),
            query: None,
        });
        // Looked up once the session is known: who drops the database has found it, or it finds that it has gone.
        let head = leader.log().head();
        let Some(database) = head.database(&client.database).map(|database| database.id) else {
            return Err(CatalogError::UndefinedDatabase(client.database).into());
        };
        Ok(Self {
            leader: Arc::clone(leader),
            client,
            database,
            parameters,
            mode: Mode::Autocommit,
            transaction: None,
            temporary: TemporaryTables::default(),
            locks: None,
            notices: Vec::new(),
            parameter_changes: Vec::new(),
            local_parameters: Vec::new(),
            last_copy: LastCopy::default(),
            query: QueryId(0),
            plan: Mutex::default(),
            _registration: registration,
        })
    }

    /// Parses a query string; an empty one has no statement.
    pub fn parse(&self, text: &str) -> Result<Vec<ParsedStatement>, Error> {
        Ok(sql::parse(text)?)
    }

    /// Runs a statement of the simple protocol.
    pub async fn run(&mut self, statement: &ParsedStatement) -> Result<Outcome, Error> {
        statement::run(self, statement, &[]).await
    }

    /// Makes a statement ready: finds the types of its parameters and of its columns.
    pub async fn prepare(
        &mut self,
        statement: Option<ParsedStatement>,
        parameter_types: &[Option<SqlType>],
    ) -> Result<Prepared, Error> {
        let Some(statement) = statement else {
            return Ok(Prepared {
                statement: None,
                parameter_types: Vec::new(),
                result_schema: None,
            });
        };
        statement::prepare(self, statement, parameter_types).await
    }

    /// Runs a prepared statement.
    pub async fn run_prepared(
        &mut self,
        prepared: &Prepared,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, Error> {
        match &prepared.statement {
            Some(statement) => statement::run(self, statement, &parameters).await,
            None => Ok(Outcome::Empty),
        }
    }

    /// Returns the messages since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Returns the parameters to report since the last call.
    pub fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.parameter_changes)
    }

    /// Returns the parameters to report at start-up.
    pub fn parameters_for_startup(&self) -> Vec<(String, String)> {
        self.parameters.reported()
    }

    pub(crate) fn leader(&self) -> &Arc<Leader> {
        &self.leader
    }

    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub(crate) fn client(&self) -> &ClientIdentity {
        &self.client
    }

    pub(crate) fn search_path(&self) -> Vec<String> {
        self.parameters.search_path(&self.client.user)
    }

    pub(crate) fn set_parameter(
        &mut self,
        name: &str,
        value: Option<&str>,
        local: bool,
    ) -> Result<(), Error> {
        let before = self.parameters.get(name).map(str::to_owned);
        let report = self.parameters.set(name, value)?;
        self.parameter_changes.extend(report);
        if let (true, Some(before)) = (local, before) {
            self.local_parameters.push((name.to_owned(), before));
        }
        Ok(())
    }

    pub(crate) fn reset_parameters(&mut self) {
        let reported = self.parameters.reset_all();
        self.parameter_changes.extend(reported);
    }

    pub(crate) fn notice(
        &mut self,
        severity: &'static str,
        sqlstate: SqlState,
        message: impl Into<String>,
    ) {
        let message = message.into();
        self.notices.push(Notice { severity, sqlstate, message, detail: None, hint: None });
    }

    pub(crate) fn set_last_copy(&mut self, last_copy: LastCopy) {
        self.last_copy = last_copy;
    }

    /// Returns the number of the statement that runs.
    pub(crate) fn query(&self) -> QueryId {
        self.query
    }

    /// Returns a planning session that sees `catalog`.
    pub(crate) fn planning(&self, catalog: Arc<Catalog>) -> PlanningSession {
        self.planning_for(catalog, None)
    }

    /// Returns a planning session that sees `catalog`, for a statement that changes `target`.
    pub(crate) fn planning_for(
        &self,
        catalog: Arc<Catalog>,
        target: Option<Arc<Table>>,
    ) -> PlanningSession {
        let now_us = Utc::now().timestamp_micros();
        let system = SystemContext {
            catalog: Arc::clone(&catalog),
            database: self.client.database.clone(),
            user: self.client.user.clone(),
            search_path: self.lookup_path(),
            parameters: self.parameters.all().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            slice_count: self.leader.log().slice_count(),
            nodes: self.leader.node_states(),
            events: Arc::clone(self.leader.events()),
            sessions: self.leader.sessions().list(),
            control: self.leader.session_control(),
            locks: self.leader.log().locks(),
            pid: self.client.pid,
            query_started_us: now_us,
            transaction_started_us: self
                .transaction
                .as_ref()
                .map_or(now_us, Transaction::started_us),
            last_copy_id: self.last_copy.query_id,
            last_copy_count: self.last_copy.row_count,
            zone_maps: Arc::default(),
        };
        let context = QueryContext {
            catalog,
            storage: Arc::clone(self.leader.storage()),
            slice_count: self.leader.log().slice_count(),
            system: Arc::new(system),
            target,
            former_names: Vec::new(),
            former_columns: Vec::new(),
            marked: None,
            reads: self.transaction.as_ref().and_then(Transaction::read_tables),
            view_depth: 0,
        };
        self.leader.planner().session(Arc::new(context))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abandon();
        let temporary = std::mem::take(&mut self.temporary);
        self.leader.delete_objects(temporary.into_objects());
    }
}
