//! The leader: what all its sessions share.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use chrono::Utc;
use compute::holdings::Holdings;
use engine::{
    access::S3Access,
    catalog::Identity,
    ids::{ColumnId, QueryId, TableId},
    plan::Planner,
    storage::{ManagedStorage, delete_objects, paths::ObjectPath},
    system::{EventLog, NodeState, SessionControl},
    transaction::CommitLog,
};
use parking_lot::Mutex;

use crate::{
    cluster::{ComputeNodes, lost_nodes::ClusterNodes, nodes::state_of},
    connection::CancelRegistry,
    session::SessionRegistry,
};

/// Who may connect.
#[derive(Clone)]
pub struct Authentication {
    /// The superuser's name.
    pub superuser: String,
    /// Its password; without one only loopback is served.
    pub password: Option<String>,
}

/// What a leader is made of.
pub struct Components {
    /// Who may connect.
    pub authentication: Authentication,
    /// Where COPY may read.
    pub s3: S3Access,
    /// The managed storage root.
    pub storage: Arc<ManagedStorage>,
    /// The commit log.
    pub log: Arc<CommitLog>,
    /// The planner.
    pub planner: Planner,
    /// Who writes rows to slices.
    pub compute: Arc<dyn ComputeNodes>,
    /// The nodes that run pieces of plans; `None` where this process does.
    pub compute_nodes: Option<ClusterNodes>,
    /// What happened.
    pub events: Arc<EventLog>,
}

/// The leader node.
pub struct Leader {
    components: Components,
    sessions: Arc<SessionRegistry>,
    cancels: Arc<CancelRegistry>,
    next_query_id: AtomicU64,
    /// The next value of every IDENTITY column in use: values are taken once, committed or not.
    identities: Mutex<HashMap<(TableId, ColumnId), Arc<AtomicI64>>>,
    /// Held while a table is vacuumed, by VACUUM or in the background.
    vacuum_turn: tokio::sync::Mutex<()>,
    /// Held by a VACUUM from its first table to its last.
    vacuum_command: Arc<AtomicBool>,
}

impl Leader {
    /// Returns a leader made of these components.
    pub fn new(components: Components) -> Arc<Self> {
        Arc::new(Self {
            components,
            sessions: Arc::default(),
            cancels: Arc::default(),
            next_query_id: AtomicU64::new(1),
            identities: Mutex::default(),
            vacuum_turn: tokio::sync::Mutex::default(),
            vacuum_command: Arc::default(),
        })
    }

    /// Returns who may connect.
    pub fn authentication(&self) -> &Authentication {
        &self.components.authentication
    }

    /// Returns the sessions there are.
    pub fn sessions(&self) -> &Arc<SessionRegistry> {
        &self.sessions
    }

    /// Returns the connections that can be cancelled or ended.
    pub(crate) fn cancels(&self) -> &Arc<CancelRegistry> {
        &self.cancels
    }

    /// Returns what functions of SQL can do to sessions.
    pub(crate) fn session_control(&self) -> Arc<dyn SessionControl> {
        Arc::<CancelRegistry>::clone(&self.cancels)
    }

    pub(crate) fn s3(&self) -> &S3Access {
        &self.components.s3
    }

    pub(crate) fn storage(&self) -> &Arc<ManagedStorage> {
        &self.components.storage
    }

    pub(crate) fn log(&self) -> &Arc<CommitLog> {
        &self.components.log
    }

    pub(crate) fn planner(&self) -> &Planner {
        &self.components.planner
    }

    pub(crate) fn compute(&self) -> &Arc<dyn ComputeNodes> {
        &self.components.compute
    }

    pub(crate) fn compute_nodes(&self) -> Option<&ClusterNodes> {
        self.components.compute_nodes.as_ref()
    }

    /// Returns the nodes that run statements, and what they hold for them.
    pub(crate) fn node_states(&self) -> Vec<NodeState> {
        if let Some(nodes) = self.compute_nodes() {
            return nodes.states();
        }
        let holds = Holdings::of(self.planner().memory());
        vec![state_of(String::new(), Utc::now().timestamp_micros(), holds)]
    }

    pub(crate) fn events(&self) -> &Arc<EventLog> {
        &self.components.events
    }

    /// Returns the turn of who vacuums a table: one at a time.
    pub(crate) fn vacuum_turn(&self) -> &tokio::sync::Mutex<()> {
        &self.vacuum_turn
    }

    /// Says that a VACUUM runs until what is returned is dropped; `None` if another one does.
    pub(crate) fn begin_vacuum(&self) -> Option<VacuumCommand> {
        let taken = self.vacuum_command.swap(true, Ordering::AcqRel);
        (!taken).then(|| VacuumCommand { running: Arc::clone(&self.vacuum_command) })
    }

    pub(crate) fn new_query_id(&self) -> QueryId {
        QueryId(self.next_query_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns the counter of an IDENTITY column, started where the catalogue left it.
    pub(crate) fn identity(
        &self,
        table: TableId,
        column: ColumnId,
        identity: &Identity,
    ) -> Arc<AtomicI64> {
        let mut identities = self.identities.lock();
        let counter = identities
            .entry((table, column))
            .or_insert_with(|| Arc::new(AtomicI64::new(identity.next)));
        Arc::clone(counter)
    }

    /// Gives out no value of an IDENTITY column before `next` any more.
    pub(crate) fn advance_identity(
        &self,
        table: TableId,
        column: ColumnId,
        identity: &Identity,
        next: i64,
    ) {
        let counter = self.identity(table, column, identity);
        match identity.step > 0 {
            true => counter.fetch_max(next, Ordering::Relaxed),
            false => counter.fetch_min(next, Ordering::Relaxed),
        };
    }

    /// Deletes the objects of a transaction that did not commit.
    pub(crate) fn delete_objects(&self, objects: Vec<ObjectPath>) {
        if objects.is_empty() {
            return;
        }
        tokio::spawn(delete_objects(Arc::clone(self.storage()), objects));
    }
}

/// The VACUUM that runs.
pub(crate) struct VacuumCommand {
    running: Arc<AtomicBool>,
}

impl Drop for VacuumCommand {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Release);
    }
}
