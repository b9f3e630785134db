//! An S3 endpoint on a folder: for the first steps, for tests, for machines without a cloud.
//!
//! `root/bucket/key` is an object, whoever put the file there. One process serves a folder.

mod body;
mod folder;
mod listing;
mod metadata;
mod read;
mod service;
#[cfg(test)]
mod tests;
mod upload;

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use s3s::{
    S3Result,
    auth::{S3Auth, SecretKey},
    s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use folder::Folder;
use service::Service;

/// The keys where none are configured. Everybody knows them, so the endpoint serves loopback only.
pub const DEVELOPMENT_KEYS: (&str, &str) = ("blueshift", "blueshift-development");
/// How long requests may take to end after a shutdown is asked for.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The key that the endpoint accepts.
#[derive(Clone)]
pub struct Keys {
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
}

impl Keys {
    /// Returns the keys where none are configured.
    pub fn development() -> Self {
        Self {
            access_key_id: DEVELOPMENT_KEYS.0.to_owned(),
            secret_access_key: DEVELOPMENT_KEYS.1.to_owned(),
        }
    }
}

impl std::fmt::Debug for Keys {
    /// Prints no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// An endpoint that serves.
#[derive(Debug)]
pub struct RunningS3 {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl RunningS3 {
    /// Returns where it serves.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops when the requests that run have ended, or after a while.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        if let Err(error) = self.server.await {
            tracing::error!(%error, "S3 endpoint failed");
        }
    }
}

/// Serves a folder on loopback; with port 0, on a free one.
pub async fn start(root: &Path, port: u16, keys: Keys) -> io::Result<RunningS3> {
    let mut builder = S3ServiceBuilder::new(Service { folder: Arc::new(Folder::open(root)?) });
    builder.set_auth(keys);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, builder.build(), shutdown.clone()));
    Ok(RunningS3 { address, shutdown, server })
}

async fn serve(listener: TcpListener, service: S3Service, shutdown: CancellationToken) {
    let builder = Builder::new(TokioExecutor::new());
    let connections = GracefulShutdown::new();
    loop {
        let socket = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "socket options not set");
        }
        let connection = builder.serve_connection(TokioIo::new(socket), service.clone());
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "S3 connection ended");
            }
        });
    }
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("S3 requests were cut short");
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key_id {
            return Err(s3_error!(InvalidAccessKeyId, "The access key is not known here."));
        }
        Ok(SecretKey::from(self.secret_access_key.clone()))
    }
}
