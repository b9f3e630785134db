//! The listener: accepts connections, and ends them in order.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    connection::{self, Authenticator, Shared},
    error::Error,
    leader::Leader,
    tls,
};

/// Redshift's limit of connections to a cluster.
const CONNECTIONS_MAX: usize = 500;
/// How many more sockets are looked at, so that a full server can say so and can be told to cancel.
const UNKNOWN_CLIENTS_MAX: usize = 100;
/// How long running statements may go on after a shutdown is asked for.
const GRACE: Duration = Duration::from_secs(10);
/// How long connections may take to end after that.
const GRACE_KILLED: Duration = Duration::from_secs(5);
/// How long to wait when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After this long without a byte the peer is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The port; 0 for a free one.
    pub port: u16,
    /// The addresses, as names or numbers; the first that is free with port 0 decides the port.
    pub listen_addresses: Vec<String>,
    /// Refuse clients without TLS.
    pub require_ssl: bool,
    /// Where the certificate and its key are, or will be.
    pub tls_dir: PathBuf,
}

/// A server that listens.
pub struct Server {
    listeners: Vec<TcpListener>,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts to listen.
    pub async fn bind(leader: Arc<Leader>, settings: ServerSettings) -> Result<Self, Error> {
        let tls = tls::acceptor(&settings.tls_dir)?;
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut port = settings.port;
        for host in &settings.listen_addresses {
            let host = if host == "*" { "0.0.0.0" } else { host.as_str() };
            let failed = |source: io::Error| Error::Listen {
                address: format!("{host}:{}", settings.port),
                source,
            };
            let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
            port = listener.local_addr().map_err(failed)?.port();
            listeners.push(listener);
        }
        let Some(first) = listeners.first() else {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "no address given");
            return Err(Error::Listen { address: String::new(), source });
        };
        let local_addr = first
            .local_addr()
            .map_err(|source| Error::Listen { address: String::new(), source })?;
        let shared = Arc::new(Shared {
            authenticator: Authenticator::new(leader.authentication().clone()),
            leader,
            tls: Some(tls),
            require_ssl: settings.require_ssl,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            shutdown: CancellationToken::new(),
            kill: CancellationToken::new(),
        });
        Ok(Self { listeners, local_addr, shared })
    }

    /// Returns where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then lets running statements end, for a while. Ends all at once if another leader has
    /// taken the storage root over.
    pub async fn serve(self, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        let sockets = Arc::new(Semaphore::new(CONNECTIONS_MAX + UNKNOWN_CLIENTS_MAX));
        let accepting: Vec<_> = self
            .listeners
            .into_iter()
            .map(|listener| {
                accept(
                    listener,
                    Arc::clone(&self.shared),
                    connections.clone(),
                    Arc::clone(&sockets),
                )
            })
            .collect();
        tokio::select! {
            () = shutdown.cancelled() => {}
            // What is read now is out of date.
            () = self.shared.leader.log().fenced() => self.shared.kill.cancel(),
            _ = futures::future::join_all(accepting) => {}
        }
        self.shared.shutdown.cancel();
        connections.close();
        if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "cancelling what still runs");
            self.shared.kill.cancel();
            if tokio::time::timeout(GRACE_KILLED, connections.wait()).await.is_err() {
                tracing::error!(connections = connections.len(), "connections did not end");
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: TaskTracker,
    sockets: Arc<Semaphore>,
) {
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&sockets).try_acquire_owned() else {
            tracing::warn!(%peer, "too many sockets, connection dropped");
            continue;
        };
        if let Err(error) = tune(&socket) {
            tracing::debug!(%error, %peer, "socket options not set");
        }
        let span = tracing::info_span!("connection", pid = tracing::field::Empty);
        let shared = Arc::clone(&shared);
        connections.spawn(
            async move {
                connection::serve(socket, peer, shared).await;
                drop(place);
            }
            .instrument(span),
        );
    }
}

/// Answers go out at once, and a peer that vanished is noticed.
fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
