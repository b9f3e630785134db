//! Leader and compute in one process: the default. The only file of the leader that names `compute`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use datafusion::execution::{
    memory_pool::{GreedyMemoryPool, TrackConsumersPool},
    runtime_env::RuntimeEnvBuilder,
};
use engine::{
    error::Error as EngineError, execution::merged_rows, plan::Planner, storage::ManagedStorage,
    system::EventLog, transaction::CommitLog, vacuum::Rewritten,
};
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{ComputeNodes, RewriteRequest, WriteRequest, Written},
    error::Error,
    leader::{Authentication, Components, Leader},
    server::{Server, ServerSettings},
    settings::Settings,
    vacuum::run_in_background,
};

/// How many of a query's largest memory users an out-of-memory error names.
const CONSUMERS_NAMED: usize = 5;

/// How long the end of a process waits for a store that does not answer.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

/// A warehouse in this process.
pub struct Standalone {
    leader: Arc<Leader>,
    local_addr: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    /// Merges small runs.
    merges: JoinHandle<()>,
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
    let compute = Arc::new(InProcess {
        storage: Arc::clone(&storage),
        planner: planner.clone(),
        slice_count: log.slice_count(),
    });
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
    let merges = tokio::spawn(run_in_background(Arc::clone(&leader), shutdown.clone()));
    Ok(Standalone { leader, local_addr, shutdown, server, merges })
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
        if let Err(error) = self.merges.await {
            tracing::error!(%error, "the task that merges small runs failed");
        }
        if tokio::time::timeout(CLOSE_TIME_MAX, self.leader.log().close()).await.is_err() {
            tracing::warn!("the store does not answer: garbage is left for the next start");
        }
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
        let WriteRequest { layout, assembler, streams } = request;
        let (runs, row_count) =
            compute::load::write(&self.storage, layout, assembler, streams).await?;
        Ok(Written { runs, row_count })
    }

    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten, EngineError> {
        let RewriteRequest { table, rewrite, rows_done } = request;
        let context = self.planner.task_context();
        let rows = merged_rows(&table, &self.storage, &rewrite.sequences, context)?;
        let rows = rows.map_err(EngineError::from).boxed();
        let layout = table.layout(self.slice_count);
        let slice = rewrite.slice;
        let written =
            compute::vacuum::rewrite(&self.storage, layout, slice, rows, &rows_done).await?;
        Ok(Rewritten { rewrite, written })
    }
}
