//! A warehouse in one process, or its leader with compute nodes elsewhere.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use compute::{channels::Channels, load::Load, node::probe_of};
use engine::{
    catalog::{CatalogChange, DatabaseChange, FIRST_DATABASE},
    error::Error as EngineError,
    execution::{NodeMemory, merged_rows},
    plan::Planner,
    storage::{ManagedStorage, slice_writer::SliceWriter},
    system::EventLog,
    transaction::{CommitLog, TransactionError},
    vacuum::Rewritten,
};
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{
        ComputeNodes, RewriteRequest, WriteRequest, Written,
        endpoint::{Endpoint, Ready},
        lost_nodes::ClusterNodes,
        merges::MergingNodes,
        plans::ClusterPlans,
    },
    error::Error,
    leader::{Authentication, Components, Leader},
    memory::Resources,
    server::{Server, ServerSettings},
    settings::Settings,
    vacuum::{NO_SESSION, run_in_background},
};

/// How long the end of a process waits for a store that does not answer.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

/// A warehouse in this process.
pub struct Standalone {
    leader: Arc<Leader>,
    /// Where compute nodes join, if there are any.
    endpoint: Option<Endpoint>,
    local_addr: SocketAddr,
    memory: Arc<NodeMemory>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    /// Merges small runs.
    merges: JoinHandle<()>,
}

/// Starts a warehouse: recovers what was committed, then serves.
pub async fn start(settings: Settings) -> Result<Standalone, Error> {
    let slices = settings.slices_default();
    let (storage, log) = recovered(&settings, slices).await?;
    let memory = query_memory(&settings.resources)?;
    let planner = Planner::new(log.slice_count(), Arc::clone(&memory))?;
    served(settings, (storage, log), (planner, memory), None).await
}

/// Starts a leader: recovers what was committed, lets compute nodes join, serves when there are `nodes`.
pub async fn start_leader(
    settings: Settings,
    endpoint: Endpoint,
    nodes: usize,
) -> Result<Standalone, Error> {
    // A new cluster has the slices that its first nodes offer.
    let slices = endpoint.offered_by(nodes).await;
    let (storage, log) = recovered(&settings, slices).await?;
    endpoint.open(Ready {
        data: settings.data.clone(),
        slice_count: log.slice_count(),
        probe: probe_of(&storage).await.map_err(EngineError::from)?,
    });
    let channels = Channels::new(endpoint.credential().clone());
    let compute_nodes =
        ClusterNodes::new(Arc::clone(endpoint.nodes()), channels.clone(), Arc::clone(&storage));
    let plans = ClusterPlans::new(Arc::clone(endpoint.nodes()), channels, Arc::clone(&storage));
    let memory = query_memory(&settings.resources)?;
    let slice_count = log.slice_count();
    let planner = Planner::with_distribution(slice_count, Arc::clone(&memory), Arc::new(plans))?;
    endpoint.nodes().at_least(nodes).await;
    let cluster = Some((endpoint, compute_nodes));
    served(settings, (storage, log), (planner, memory), cluster).await
}

async fn recovered(
    settings: &Settings,
    slices_default: u32,
) -> Result<(Arc<ManagedStorage>, Arc<CommitLog>), Error> {
    let storage = ManagedStorage::open(
        &settings.data,
        &settings.s3.default,
        settings.resources.block_cache_bytes_max(),
    )?;
    let log = CommitLog::open(Arc::clone(&storage), settings.slices, slices_default).await?;
    name_first_database(&log, &settings.database).await?;
    Ok((storage, log))
}

/// Returns the memory that the queries of a process share.
pub fn query_memory(resources: &Resources) -> Result<Arc<NodeMemory>, Error> {
    let folder = resources.spill_folder().map_err(|source| {
        let what = "the folder that queries spill to (--spill-dir)".to_owned();
        Error::Io { what, source }
    })?;
    let memory = NodeMemory::new(resources.query_memory_bytes_max(), Arc::new(folder));
    Ok(memory.map_err(EngineError::from)?)
}

async fn served(
    settings: Settings,
    (storage, log): (Arc<ManagedStorage>, Arc<CommitLog>),
    (planner, memory): (Planner, Arc<NodeMemory>),
    cluster: Option<(Endpoint, ClusterNodes)>,
) -> Result<Standalone, Error> {
    let (endpoint, compute_nodes) = cluster.unzip();
    let slice_count = log.slice_count();
    let (root, planned) = (Arc::clone(&storage), planner.clone());
    let here = InProcess { storage: root, planner: planned, slice_count };
    let compute: Arc<dyn ComputeNodes> = match compute_nodes.clone() {
        Some(nodes) => {
            let storage = Arc::clone(&storage);
            Arc::new(MergingNodes { here, nodes, storage, slice_count })
        }
        None => Arc::new(here),
    };
    let leader = Leader::new(Components {
        authentication: Authentication {
            superuser: settings.superuser.clone(),
            password: settings.password.clone(),
        },
        s3: settings.s3.clone(),
        storage,
        log,
        planner,
        compute,
        compute_nodes,
        events: Arc::new(EventLog::default()),
    });
    let server = Server::bind(Arc::clone(&leader), ServerSettings::from(&settings)).await?;
    let local_addr = server.local_addr();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(server.serve(shutdown.clone()));
    let merges = tokio::spawn(run_in_background(Arc::clone(&leader), shutdown.clone()));
    Ok(Standalone { leader, endpoint, local_addr, memory, shutdown, server, merges })
}

/// Calls the database that a root starts with as the settings say.
async fn name_first_database(log: &CommitLog, name: &str) -> Result<(), TransactionError> {
    let mut transaction = log.begin_rewrite(log.new_locks(NO_SESSION));
    let first = transaction.catalog().database_by_id(FIRST_DATABASE);
    if first.is_none_or(|first| first.name == name) {
        return Ok(());
    }
    let change = DatabaseChange::Name(name.to_owned());
    let database = FIRST_DATABASE;
    transaction.change(vec![CatalogChange::AlterDatabase { database, change }])?;
    log.commit(transaction).await?;
    Ok(())
}

impl Standalone {
    /// Returns where it serves.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns where compute nodes join; `None` of a warehouse in one process.
    pub fn cluster_addr(&self) -> Option<SocketAddr> {
        self.endpoint.as_ref().map(Endpoint::local_addr)
    }

    /// Returns the leader.
    pub fn leader(&self) -> &Arc<Leader> {
        &self.leader
    }

    /// Returns once another leader has taken the storage root over: then this one is to be shut down.
    pub async fn fenced(&self) {
        self.leader.log().fenced().await;
    }

    /// Stops in order: no new connections, running statements end or are cancelled, then all is
    /// closed. What was acknowledged is durable already.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        if let Err(error) = self.server.await {
            tracing::error!(%error, "server task failed");
        }
        if let Err(error) = self.merges.await {
            tracing::error!(%error, "the task that merges small runs failed");
        }
        if tokio::time::timeout(CLOSE_TIME_MAX, self.leader.log().close()).await.is_err() {
            tracing::warn!("the store does not answer: garbage is left for the next start");
        }
        self.memory.close();
    }
}

/// Compute in this process.
struct InProcess {
    storage: Arc<ManagedStorage>,
    planner: Planner,
    slice_count: u32,
}

#[async_trait]
impl ComputeNodes for InProcess {
    async fn write(&self, request: WriteRequest) -> Result<Written, EngineError> {
        let WriteRequest { layout, assembler, streams, summarizes } = request;
        let load = Load { layout, assembler, streams, summarizes, write: None };
        Ok(Written::from(compute::load::write(&self.storage, load).await?))
    }

    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten, EngineError> {
        let RewriteRequest { table, rewrite, rows_done } = request;
        let context = self.planner.task_context();
        let rows = merged_rows(&table, &self.storage, &rewrite.sequences, context)?;
        let rows = rows.map_err(EngineError::from).boxed();
        let layout = Arc::new(table.layout(self.slice_count));
        let writer = SliceWriter::new(Arc::clone(&self.storage), layout, rewrite.slice);
        let written = compute::vacuum::rewrite(writer, rows, &rows_done).await?;
        Ok(Rewritten { rewrite, written })
    }
}
