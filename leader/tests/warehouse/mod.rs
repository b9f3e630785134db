//! A warehouse in the test's own process.

use std::net::SocketAddr;

use leader::{
    settings::Settings,
    standalone::{self, Standalone},
};
use tempfile::TempDir;

/// The superuser's password, where there is one.
pub(crate) const PASSWORD: &str = "Sesame-1";

/// A warehouse on a free port of loopback, with its data in a folder of its own.
pub(crate) struct Warehouse {
    standalone: Standalone,
    _data: TempDir,
}

impl Warehouse {
    /// Starts an empty warehouse.
    pub(crate) async fn start(password: Option<&str>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let settings = Settings {
            data: data.path().to_str().unwrap().to_owned(),
            port: 0,
            listen_addresses: vec!["127.0.0.1".to_owned()],
            slices: Some(2),
            password: password.map(str::to_owned),
            ..Settings::default()
        };
        Self { standalone: standalone::start(settings).await.unwrap(), _data: data }
    }

    /// Returns where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.standalone.local_addr()
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) {
        self.standalone.shutdown().await;
    }
}
