//! Leader and compute in one process: the default. The only file of the leader that names `compute`.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use datafusion::execution::{
    memory_pool::{GreedyMemoryPool, TrackConsumersPool},
    runtime_env::RuntimeEnvBuilder,
};
use engine::{
    error::Error as EngineError, plan::Planner, storage::ManagedStorage, system::EventLog,
    transaction::CommitLog,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{ComputeNodes, WriteRequest, Written},
    error::Error,
    leader::{Authentication, Components, Leader},
    server::{Server, ServerSettings},
    settings::Settings,
};

/// How many of a query's largest memory users an out-of-memory error names.
const CONSUMERS_NAMED: usize = 5;

/// A warehouse in this process.
pub struct Standalone {
    leader: Arc<Leader>,
    local_addr: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

/// Starts a warehouse: recovers what was committed, then serves.
pub async fn start(settings: Settings) -> Result<Standalone, Error> {
    let storage = ManagedStorage::open(
        &settings.data,
        &settings.s3.default,
        settings.block_cache_bytes_max(),
    )?;
    let log =
        CommitLog::open(Arc::clone(&storage), settings.slices, settings.slices_default()).await?;
    let pool = TrackConsumersPool::new(
        GreedyMemoryPool::new(settings.query_memory_bytes_max()),
        CONSUMERS_NAMED.try_into().unwrap_or(std::num::NonZeroUsize::MIN),
    );
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc()?;
    let planner = Planner::new(&settings.database, log.slice_count(), runtime)?;
    let compute = Arc::new(InProcess { storage: Arc::clone(&storage) });
    let leader = Leader::new(Components {
        database: settings.database.clone(),
        authentication: Authentication {
            superuser: settings.superuser.clone(),
            password: settings.password.clone(),
        },
        s3: settings.s3.clone(),
        storage,
        log,
        planner,
        compute,
        events: Arc::new(EventLog::default()),
    });
    let server = Server::bind(Arc::clone(&leader), ServerSettings::from(&settings)).await?;
    let local_addr = server.local_addr();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(server.serve(shutdown.clone()));
    Ok(Standalone { leader, local_addr, shutdown, server })
}

impl Standalone {
    /// Returns where it serves.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the leader.
    pub fn leader(&self) -> &Arc<Leader> {
        &self.leader
    }

    /// Stops in order: no new connections, running statements end or are cancelled, then all is
    /// closed. What was acknowledged is durable already.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        if let Err(error) = self.server.await {
            tracing::error!(%error, "server task failed");
        }
    }
}

/// Compute in this process.
struct InProcess {
    storage: Arc<ManagedStorage>,
}

#[async_trait]
impl ComputeNodes for InProcess {
    async fn write(&self, request: WriteRequest) -> Result<Written, EngineError> {
        let WriteRequest { layout, assembler, streams } = request;
        let (runs, row_count) =
            compute::load::write(&self.storage, layout, assembler, streams).await?;
        Ok(Written { runs, row_count })
    }
}
