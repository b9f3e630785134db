//! A compute node's process: finds the leader, shows that it can read the managed storage, then serves pieces
//! of plans until it is told to leave.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use datafusion_distributed::Worker;
use engine::{
    access::S3Profile,
    client_error::{ClientError, SqlState},
    error::{Error, QueryError},
    execution::NodeMemory,
    plan::Planner,
    storage::{ManagedStorage, StorageError, paths::ObjectPath},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    actions::{self, ask},
    channels::{self, Channels, Credential, incoming},
    holdings::PieceCount,
    jobs::Jobs,
    messages::{
        HEARTBEAT_INTERVAL, Heartbeat, HeartbeatAnswer, Hello, Node, Welcome, build_id, request,
    },
    worker::{PlanPieces, sweep},
    writes::Writes,
};

/// How long pieces of plans that are under way may take when the node leaves.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(60);

/// What a compute node is told when it starts.
pub struct NodeSettings {
    /// The leader's cluster port.
    pub leader: Url,
    /// Shown by every node of the cluster.
    pub credential: Credential,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The host by which leader and other nodes reach it; the address it listens on if `None`.
    pub host: Option<String>,
    /// The slices it offers to a new cluster.
    pub slices: u32,
    /// Where the managed storage is from here, if not where it is from the leader.
    pub data: Option<String>,
    /// The S3 endpoint of the managed storage.
    pub s3: S3Profile,
    /// What blocks of tables may take in memory.
    pub block_cache_bytes_max: usize,
    /// The memory of the node's queries.
    pub memory: Arc<NodeMemory>,
}

/// A node that has joined its cluster.
pub struct ComputeNode {
    leader: Url,
    channels: Channels,
    node: Node,
    worker: Worker,
    memory: Arc<NodeMemory>,
    held: PieceCount,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<Result<(), tonic::transport::Error>>,
}

impl ComputeNode {
    /// Joins a cluster; waits for its leader as long as that is not there.
    ///
    /// Errors: another build or secret than the leader's, a managed storage that cannot be read from here, an
    /// address that cannot be listened on.
    pub async fn join(settings: NodeSettings) -> Result<Self, Error> {
        let listener = TcpListener::bind(settings.listen).await;
        let listener = listener.map_err(|error| not_started(settings.listen, &error))?;
        let local = listener.local_addr().map_err(|error| not_started(settings.listen, &error))?;
        let host = settings.host.clone().unwrap_or_else(|| local.ip().to_string());
        let url = url_of(&host, local.port())?;
        let node = Node { url, slices: settings.slices };
        let channels = Channels::new(settings.credential.clone());
        let (data, slice_count, probe) = welcome(&channels, &settings.leader, &node).await?;

        let data = settings.data.as_ref().unwrap_or(&data);
        let storage =
            ManagedStorage::open_shared(data, &settings.s3, settings.block_cache_bytes_max)
                .map_err(|error| unreachable(data, &error))?;
        let found = probe_of(&storage).await.map_err(|error| unreachable(data, &error))?;
        if found != probe {
            return Err(unreachable(data, &"another cluster's is there"));
        }
        let (memory, held) = (Arc::clone(&settings.memory), PieceCount::default());
        let planner = Planner::new(slice_count, settings.memory)?;
        let writes = Writes::default();
        let jobs = Jobs::new(Arc::clone(&storage), planner.clone(), writes.clone());
        let jobs = actions::service(Arc::new(jobs));
        let (to_others, held_by) = (channels.clone(), held.clone());
        let pieces = PlanPieces { planner, storage, channels: to_others, held: held_by, writes };
        let worker = pieces.worker();
        let service = worker.clone().into_worker_server();
        let credential = settings.credential.clone();
        let check = move |request| credential.check(request);
        let shutdown = CancellationToken::new();
        let server = channels::server()
            .add_service(InterceptedService::new(service, check.clone()))
            .add_service(InterceptedService::new(jobs, check))
            .serve_with_incoming_shutdown(incoming(listener), shutdown.clone().cancelled_owned());
        let server = tokio::spawn(server);
        let leader = settings.leader;
        let joined = Self { leader, channels, node, worker, memory, held, shutdown, server };
        let () = joined.ask_leader(request::JOIN, &joined.node).await?;
        Ok(joined)
    }

    /// Returns where it is reached.
    pub fn url(&self) -> &Url {
        &self.node.url
    }

    /// Tells the leader that it is there, again and again; joins a leader that was restarted.
    ///
    /// Ends only with an error: the leader refuses the node.
    pub async fn stay(&self) -> Error {
        let mut is_silent = false;
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            self.sweep().await;
            match self.beat().await {
                Ok(()) if is_silent => {
                    tracing::info!("the leader is back");
                    is_silent = false;
                }
                Ok(()) => {}
                Err(error) if is_passing(&error) => {
                    if !is_silent {
                        tracing::warn!(%error, "the leader does not answer");
                        is_silent = true;
                    }
                }
                Err(error) => return error,
            }
        }
    }

    /// Lets go what is left of pieces that have ended.
    async fn sweep(&self) {
        if self.held.count() == 0 {
            return;
        }
        if let Err(error) = sweep(&self.worker, &self.node.url).await {
            tracing::warn!(%error, "what is left of statements cannot be let go");
        }
    }

    async fn beat(&self) -> Result<(), Error> {
        let holds = self.held.holdings(&self.memory);
        let heartbeat = Heartbeat { node: self.node.clone(), holds };
        match self.ask_leader(request::HEARTBEAT, &heartbeat).await? {
            HeartbeatAnswer::Known => Ok(()),
            HeartbeatAnswer::Unknown => {
                tracing::info!("joining the leader again");
                welcome(&self.channels, &self.leader, &self.node).await?;
                self.ask_leader(request::JOIN, &self.node).await
            }
        }
    }

    /// Leaves the cluster: nothing new is given to the node, what is under way finishes.
    pub async fn leave(self) {
        let told: Result<(), Error> = self.ask_leader(request::LEAVE, &self.node).await;
        if let Err(error) = told {
            tracing::warn!(%error, "could not tell the leader");
        }
        self.shutdown.cancel();
        if tokio::time::timeout(DRAIN_TIME_MAX, self.server).await.is_err() {
            tracing::warn!("pieces of plans were given up: they took too long");
        }
    }

    async fn ask_leader<Q: serde::Serialize, A: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        question: &Q,
    ) -> Result<A, Error> {
        ask(self.channels.to(&self.leader)?, action, question).await
    }
}

/// Says hello until the leader is ready for the node.
async fn welcome(
    channels: &Channels,
    leader: &Url,
    node: &Node,
) -> Result<(String, u32, String), Error> {
    let hello = Hello { build: build_id().to_owned(), node: node.clone() };
    let mut is_told = false;
    loop {
        match ask(channels.to(leader)?, request::HELLO, &hello).await {
            Ok(Welcome::Ready { data, slice_count, probe }) => {
                return Ok((data, slice_count, probe));
            }
            Ok(Welcome::Waiting) => {}
            Err(error) if is_passing(&error) => {
                if !is_told {
                    tracing::info!(%leader, "waiting for the leader");
                    is_told = true;
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(HEARTBEAT_INTERVAL / 4).await;
    }
}

/// Returns what tells one cluster's managed storage from another's.
pub async fn probe_of(storage: &ManagedStorage) -> Result<String, StorageError> {
    let identity = storage.get(&ObjectPath::Cluster).await?;
    Ok(format!("{:016x}", xxh3_64(&identity)))
}

/// Returns whether an error may be gone when asked again.
fn is_passing(error: &Error) -> bool {
    error.sqlstate() == SqlState::CONNECTION_FAILURE
}

/// Returns the URL of a node; an IPv6 address gets its brackets.
pub fn url_of(host: &str, port: u16) -> Result<Url, Error> {
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Url::parse(&format!("http://{host}:{port}")).map_err(|error| {
        let message = format!("\"{host}:{port}\" is no address of a node: {error}");
        QueryError::new(SqlState::INVALID_PARAMETER_VALUE, message).into()
    })
}

fn not_started(address: SocketAddr, error: &std::io::Error) -> Error {
    let message = format!("cannot listen on {address}: {error}");
    QueryError::new(SqlState::CONNECTION_FAILURE, message).into()
}

fn unreachable(data: &str, error: &dyn std::fmt::Display) -> Error {
    let message =
        format!("this node does not see the cluster's managed storage at {data}: {error}");
    let hint = "Every node must reach the same storage: an S3 location, or a folder that is mounted on all \
                machines. --data says where it is from here.";
    QueryError::new(SqlState::CONNECTION_EXCEPTION, message).with_hint(hint).into()
}
