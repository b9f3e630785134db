//! Connections to other nodes: authenticated by the cluster's secret, and quick to notice that one is gone.
//!
//! A node that was killed refuses connections; one that is frozen or cut off answers no ping. Either way every
//! request to it fails within [`PING_INTERVAL`] + [`PING_TIMEOUT`], so that a query never hangs on it.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion_distributed::{
    ChannelResolver, WorkerChannel,
    grpc::{BoxCloneSyncChannel, create_worker_client},
};
use engine::{
    client_error::SqlState,
    error::{Error, QueryError},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tonic::{
    Request, Status,
    codegen::http::{self, HeaderValue, header::AUTHORIZATION},
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tower::ServiceExt;
use url::Url;

use crate::{counts::CountingChannel, streams::PartitionStreams};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a connection is looked after while requests are under way.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How long the answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// What a stream may have under way, in bytes: nodes are near each other.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// What all streams of a connection may have under way: as much as there can be. What somebody is slow to read keeps
/// its bytes, and those of other streams would wait for them.
const CONNECTION_WINDOW_BYTES: u32 = i32::MAX.cast_unsigned();

/// What a request between nodes shows to be let in.
#[derive(Clone)]
pub struct Credential {
    header: HeaderValue,
}

impl Credential {
    /// Returns the credential of a cluster with this secret. The secret itself is not sent.
    ///
    /// Errors: none of a secret can occur; a digest in hexadecimal is a valid header.
    pub fn of_secret(secret: &str) -> Result<Self, Error> {
        let digest =
            Sha256::new().chain_update("blueshift cluster\0").chain_update(secret).finalize();
        let token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| {
            QueryError::new(SqlState::INTERNAL_ERROR, format!("the cluster's secret: {error}"))
        })?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// Lets a request in, or refuses it.
    pub fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let shown = request.metadata().get(AUTHORIZATION.as_str());
        let shown = shown.map(|value| Sha256::digest(value.as_encoded_bytes()));
        // Digests are compared, so that the time it takes tells nothing of the secret.
        match shown == Some(Sha256::digest(self.header.as_bytes())) {
            true => Ok(request),
            false => Err(Status::unauthenticated(
                "the secret is not the cluster's: give every node the same --secret-file",
            )),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

/// Connections to other nodes, one to each. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channels {
    credential: Credential,
    open: Arc<Mutex<HashMap<Url, BoxCloneSyncChannel>>>,
}

/// Returns the connections that come to a listener. They send what they have at once: a message behind one
/// that is not acknowledged yet would wait 40 ms, and tonic sees to that only for listeners of its own.
pub fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// Returns a server that looks after its connections too: it lets go what it holds for who is gone without a word.
pub fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
}

impl Channels {
    /// Returns no connections yet.
    pub fn new(credential: Credential) -> Self {
        Self { credential, open: Arc::default() }
    }

    /// Returns the connection to a node; it is made, and made again, as requests need it.
    pub fn to(&self, url: &Url) -> Result<BoxCloneSyncChannel, Error> {
        let mut open = self.open.lock();
        if let Some(channel) = open.get(url) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(url.to_string()).map_err(|error| {
            QueryError::new(SqlState::CONNECTION_FAILURE, format!("node {url}: {error}"))
        })?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .connect_lazy();
        let header = self.credential.header.clone();
        let channel =
            BoxCloneSyncChannel::new(channel.map_request(move |mut request: http::Request<_>| {
                request.headers_mut().insert(AUTHORIZATION, header.clone());
                request
            }));
        open.insert(url.clone(), channel.clone());
        Ok(channel)
    }

    /// Forgets a node that has left.
    pub fn forget(&self, url: &Url) {
        self.open.lock().remove(url);
    }
}

#[async_trait]
impl ChannelResolver for Channels {
    async fn get_worker_client_for_url(
        &self,
        url: &Url,
    ) -> Result<Box<dyn WorkerChannel>, DataFusionError> {
        let channel = self.to(url).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let streams = PartitionStreams(create_worker_client(channel));
        Ok(Box::new(CountingChannel(Box::new(streams))))
    }
}
