//! Where compute nodes find the leader: they say hello, join, and show that they are there.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use bytes::Bytes;
use compute::{
    actions::{self, Actions, answer, parse},
    channels::{self, Channels, Credential, incoming},
    messages::{HEARTBEAT_INTERVAL, Hello, Node, Welcome, build_id, request},
};
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::service::interceptor::InterceptedService;

use super::{lost_nodes::answers, nodes::Nodes};

/// What nodes are told once there is a cluster.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The managed storage.
    pub data: String,
    /// The slices of the cluster.
    pub slice_count: u32,
    /// What tells its managed storage from another's.
    pub probe: String,
}

/// The running endpoint; it ends when it is dropped.
pub struct Endpoint {
    credential: Credential,
    nodes: Arc<Nodes>,
    ready: Arc<OnceLock<Ready>>,
    local_addr: SocketAddr,
    _server: AbortOnDropHandle<()>,
    _sweeper: AbortOnDropHandle<()>,
}

impl Endpoint {
    /// Listens for nodes that have the cluster's secret.
    pub async fn start(address: SocketAddr, credential: Credential) -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot listen for compute nodes on {address}: {error}");
            QueryError::new(SqlState::CONNECTION_FAILURE, message)
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let (nodes, ready) = (Arc::<Nodes>::default(), Arc::<OnceLock<Ready>>::default());
        let actions = LeaderActions {
            nodes: Arc::clone(&nodes),
            channels: Channels::new(credential.clone()),
            ready: Arc::clone(&ready),
        };
        let service = actions::service(Arc::new(actions));
        let checked = credential.clone();
        let check = move |request| checked.check(request);
        let server = channels::server()
            .add_service(InterceptedService::new(service, check))
            .serve_with_incoming(incoming(listener));
        let server = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "compute nodes can no longer reach the leader");
            }
        });
        let swept = Arc::clone(&nodes);
        let sweeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT_INTERVAL / 2).await;
                swept.sweep();
            }
        });
        let (server, sweeper) = (AbortOnDropHandle::new(server), AbortOnDropHandle::new(sweeper));
        Ok(Self { credential, nodes, ready, local_addr, _server: server, _sweeper: sweeper })
    }

    /// Returns what every node of the cluster shows.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns the nodes.
    pub fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// Returns where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Waits until so many nodes would like to join; returns the slices they offer together.
    pub async fn offered_by(&self, count: usize) -> u32 {
        loop {
            let (nodes, slices) = self.nodes.offers();
            if nodes >= count {
                return slices;
            }
            tokio::time::sleep(HEARTBEAT_INTERVAL / 10).await;
        }
    }

    /// Lets nodes join from now on.
    pub fn open(&self, ready: Ready) {
        // Opened once, when the leader starts.
        let _already = self.ready.set(ready);
    }
}

struct LeaderActions {
    nodes: Arc<Nodes>,
    channels: Channels,
    ready: Arc<OnceLock<Ready>>,
}

#[async_trait]
impl Actions for LeaderActions {
    async fn act(&self, action: &str, body: Bytes) -> Result<Bytes, Error> {
        match action {
            request::HELLO => answer(&self.welcome(&parse(&body)?)?),
            request::JOIN => {
                self.join(parse(&body)?).await?;
                answer(&())
            }
            request::HEARTBEAT => answer(&self.nodes.heartbeat(&parse(&body)?)),
            request::LEAVE => {
                let node: Node = parse(&body)?;
                self.nodes.leave(&node.url, "it said so");
                answer(&())
            }
            other => Err(actions::unknown(other)),
        }
    }
}

impl LeaderActions {
    /// Lets a node in that can be reached. One that reaches the leader, but not the other way round, would be lost
    /// to every query and be back the second after.
    async fn join(&self, node: Node) -> Result<(), Error> {
        if !answers(&self.channels, &node.url).await {
            let message = format!("the leader does not reach the compute node at {}", node.url);
            let hint = "--host says by which name leader and other nodes reach it.";
            return Err(QueryError::new(SqlState::CONNECTION_FAILURE, message)
                .with_hint(hint)
                .into());
        }
        self.nodes.join(node);
        Ok(())
    }

    fn welcome(&self, hello: &Hello) -> Result<Welcome, Error> {
        if hello.build != build_id() {
            let message = format!(
                "the compute node is another build ({}) than the leader ({})",
                hello.build,
                build_id()
            );
            let hint = "Run the same binary on every node.";
            return Err(QueryError::new(SqlState::PROTOCOL_VIOLATION, message)
                .with_hint(hint)
                .into());
        }
        self.nodes.offer(&hello.node);
        Ok(match self.ready.get().cloned() {
            None => Welcome::Waiting,
            Some(Ready { data, slice_count, probe }) => Welcome::Ready { data, slice_count, probe },
        })
    }
}
