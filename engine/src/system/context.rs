//! What system tables and session functions are asked about: one statement's view of the world.

use std::{collections::HashMap, sync::Arc};

use crate::{
    catalog::{Catalog, INFORMATION_SCHEMA, PG_CATALOG_SCHEMA, TEMPORARY_PREFIX},
    ids::{Pid, QueryId, RunId, SchemaId, UserId},
    storage::zones::ZoneMap,
    system::{EventLog, SessionControl},
    transaction::LockInfo,
};

/// One statement's view of the catalogue, the session and the events.
#[derive(Clone, Debug)]
pub struct SystemContext {
    /// The version of the catalogue the statement reads.
    pub catalog: Arc<Catalog>,
    /// The database connected to.
    pub database: String,
    /// The user.
    pub user: String,
    /// The search path, as set; may hold `$user` and schemas that do not exist.
    pub search_path: Vec<String>,
    /// Session parameters and their values.
    pub parameters: Vec<(String, String)>,
    /// Slices of the cluster.
    pub slice_count: u32,
    /// Its compute nodes; of a warehouse in one process, itself.
    pub nodes: Vec<NodeState>,
    /// What happened so far.
    pub events: Arc<EventLog>,
    /// The sessions there are.
    pub sessions: Vec<SessionInfo>,
    /// What can be done to them.
    pub control: Arc<dyn SessionControl>,
    /// The locks of all transactions, held and waited for.
    pub locks: Vec<LockInfo>,
    /// The asking session.
    pub pid: Pid,
    /// When the statement started: microseconds since 1970, UTC.
    pub query_started_us: i64,
    /// When its transaction started: microseconds since 1970, UTC.
    pub transaction_started_us: i64,
    /// The last COPY of this session.
    pub last_copy_id: Option<QueryId>,
    /// Rows that the last COPY of this session loaded.
    pub last_copy_count: u64,
    /// Zone maps of the runs of all tables: read for the tables that show them only.
    pub zone_maps: Arc<HashMap<RunId, Arc<ZoneMap>>>,
}

/// A compute node, as `STV_NODE_STATE` shows it. What it holds is for statements: nothing, when none runs.
#[derive(Clone, Debug, Default)]
pub struct NodeState {
    /// Where leader and other nodes reach it; empty if all is one process.
    pub address: String,
    /// When it was heard of last: microseconds since 1970, UTC.
    pub last_heard_us: i64,
    /// Pieces of plans that it was given.
    pub pieces: u64,
    /// Memory of queries, in bytes.
    pub memory_bytes: u64,
    /// Files written because memory was short.
    pub spill_files: u64,
    /// Their size.
    pub spill_bytes: u64,
}

/// A session, as `STV_SESSIONS` and `pg_stat_activity` show it.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// The process id its client sees.
    pub pid: Pid,
    /// Who.
    pub user: String,
    /// Where.
    pub database: String,
    /// What the client calls itself.
    pub application_name: String,
    /// The client's address and port.
    pub remote: String,
    /// When it connected: microseconds since 1970, UTC.
    pub started_us: i64,
    /// The statement it runs, if any.
    pub query: Option<String>,
}

impl SystemContext {
    /// Returns the schemas that unqualified names are looked up in: `pg_catalog` first unless the
    /// path names it, `$user` resolved, schemas that do not exist left out.
    pub(crate) fn visible_schemas(&self) -> Vec<&str> {
        let named = self.search_path.iter().map(|schema| match schema.as_str() {
            "$user" => self.user.as_str(),
            schema => schema,
        });
        let implicit =
            (!self.search_path.iter().any(|schema| schema == "pg_catalog")).then_some("pg_catalog");
        implicit.into_iter().chain(named).filter(|name| self.schema_id(name).is_some()).collect()
    }

    /// Returns the first schema of the path that exists, after that of temporary tables: where CREATE puts things.
    pub(crate) fn current_schema(&self) -> Option<&str> {
        self.search_path
            .iter()
            .map(|schema| if schema == "$user" { self.user.as_str() } else { schema.as_str() })
            .find(|name| !name.starts_with(TEMPORARY_PREFIX) && self.schema_id(name).is_some())
    }

    /// Returns the same as seen from each database: for the tables that show them all.
    pub(crate) fn in_each_database(&self) -> Vec<Self> {
        let databases = self.catalog.databases().map(|database| Self {
            catalog: self.catalog.seen_from(database.id),
            database: database.name.clone(),
            ..self.clone()
        });
        databases.collect()
    }

    /// Returns the id of a schema, the system's own included.
    pub(crate) fn schema_id(&self, name: &str) -> Option<SchemaId> {
        match name {
            "pg_catalog" => Some(PG_CATALOG_SCHEMA),
            "information_schema" => Some(INFORMATION_SCHEMA),
            name => self.catalog.schema(name).map(|schema| schema.id),
        }
    }

    /// Returns the name of a schema, the system's own included.
    pub(crate) fn schema_name(&self, id: SchemaId) -> Option<&str> {
        match id {
            PG_CATALOG_SCHEMA => Some("pg_catalog"),
            INFORMATION_SCHEMA => Some("information_schema"),
            id => self.catalog.schema_by_id(id).map(|schema| schema.name.as_str()),
        }
    }

    /// Returns whether a schema is one of temporary tables.
    pub(crate) fn is_temporary(&self, id: SchemaId) -> bool {
        self.schema_name(id).is_some_and(|name| name.starts_with(TEMPORARY_PREFIX))
    }

    /// Returns the name of a user.
    ///
    /// There is one user per cluster so far, so whoever asks is the superuser.
    pub(crate) fn user_name(&self, id: UserId) -> Option<&str> {
        (id == crate::catalog::SUPERUSER).then_some(self.user.as_str())
    }
}
