//! `blueshift leader`: the node that clients talk to, of a cluster with compute nodes elsewhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    Secret, StopSignal,
    serve::{ServeFlags, serve},
};
use crate::{cluster::endpoint::Endpoint, standalone};

/// Behind Redshift's port for clients.
pub(super) const CLUSTER_PORT_DEFAULT: u16 = 5440;

/// The flags of `leader`.
#[derive(Debug, clap::Args)]
pub(super) struct Leader {
    #[command(flatten)]
    serve: ServeFlags,
    #[command(flatten)]
    secret: Secret,
    /// The compute nodes to wait for before serving
    #[arg(long, value_name = "N", default_value_t = 1)]
    nodes: usize,
    /// The address on which compute nodes find the leader
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    cluster_listen: IpAddr,
    /// The port on which compute nodes find the leader; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = CLUSTER_PORT_DEFAULT)]
    cluster_port: u16,
}

impl Leader {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = StopSignal::listen()?;
        let settings = self.serve.settings()?;
        let listen = SocketAddr::new(self.cluster_listen, self.cluster_port);
        let endpoint = Endpoint::start(listen, self.secret.credential()?).await?;
        tracing::info!(address = %endpoint.local_addr(), nodes = self.nodes, "waiting for compute nodes");
        serve(standalone::start_leader(settings, endpoint, self.nodes), &mut stop).await
    }
}
