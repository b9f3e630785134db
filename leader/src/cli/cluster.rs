//! `blueshift cluster`: a leader and compute nodes on this machine, for trying a cluster out.

use std::{net::Ipv4Addr, process::Stdio};

use anyhow::Context;
use compute::channels::Credential;
use tokio::process::{Child, Command};

use super::{
    CLUSTER_SECRET, StopSignal,
    serve::{ServeFlags, serve},
};
use crate::{cluster::endpoint::Endpoint, settings::log_filter, standalone};

/// The flags of `cluster`.
#[derive(Debug, clap::Args)]
pub(super) struct Cluster {
    /// The compute nodes, each a process of its own; --slices counts those of one node
    #[arg(long, value_name = "N", default_value_t = 2)]
    compute: usize,
    #[command(flatten)]
    serve: ServeFlags,
}

impl Cluster {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = StopSignal::listen()?;
        anyhow::ensure!(self.compute > 0, "--compute: a cluster has at least one compute node");
        let mut settings = self.serve.settings()?;
        let slices = settings.slices.take().unwrap_or(1);
        // The leader is one of them.
        settings.resources = settings.resources.shared_by(self.compute + 1);
        if let Some((name, message)) = settings.resources.mistake() {
            anyhow::bail!("--{name}: what is left for each of the nodes {message}");
        }
        let resources = settings.resources.clone();
        // Nobody else is to join: the secret lives as long as this process.
        let secret = format!("{:032x}", rand::random::<u128>());
        let credential = Credential::of_secret(&secret)?;
        let endpoint = Endpoint::start((Ipv4Addr::LOCALHOST, 0).into(), credential).await?;
        let node = || {
            let mut command = Command::new(std::env::current_exe().context("find this binary")?);
            command.arg("compute").arg("--until-stdin-ends");
            command.args(["--leader", &endpoint.local_addr().to_string()]);
            command.args(["--slices", &slices.to_string()]);
            if let Some(config) = &self.serve.config {
                command.arg("--config").arg(config);
            }
            if let Some(memory) = resources.memory {
                command.arg("--memory").arg(memory.to_string());
            }
            if let Some(folder) = &resources.spill_dir {
                command.arg("--spill-dir").arg(folder);
            }
            if let Some(limit) = resources.spill_limit {
                command.arg("--spill-limit").arg(limit.to_string());
            }
            // Not an argument: everybody on the machine sees those.
            command.env(CLUSTER_SECRET, &secret);
            command.env("BLUESHIFT_LOG", log_filter().as_deref().unwrap_or("warn"));
            command.stdin(Stdio::piped()).kill_on_drop(true);
            command.spawn().context("start a compute node")
        };
        let _nodes = (0..self.compute).map(|_| node()).collect::<anyhow::Result<Vec<Child>>>()?;
        serve(standalone::start_leader(settings, endpoint, self.compute), &mut stop).await
    }
}
