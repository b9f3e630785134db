//! `blueshift compute`: a compute node of a cluster.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context;
use compute::node::{ComputeNode, NodeSettings, url_of};
use tokio::io::AsyncReadExt;

use super::{Secret, StopSignal, leader::CLUSTER_PORT_DEFAULT, say};
use crate::{
    logging,
    memory::Resources,
    settings::{Flags, LogFormat, Settings},
    standalone::query_memory,
};

/// The flags of `compute`.
#[derive(Debug, clap::Args)]
pub(super) struct Compute {
    /// The leader: HOST, or HOST:PORT if its cluster port is not 5440
    #[arg(long, value_name = "HOST:PORT")]
    leader: String,
    #[command(flatten)]
    secret: Secret,
    /// The slices it offers to a new cluster [default: one for each core]
    #[arg(long, value_name = "N")]
    slices: Option<u32>,
    /// The address on which leader and other nodes reach it
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The port; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The host name that leader and other nodes reach it by [default: the address it listens on]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Where the managed storage is from here, if not where it is from the leader
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    #[command(flatten)]
    resources: Resources,
    /// How lines of the log look [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Leave when standard input ends: with the process that started the node
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl Compute {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = StopSignal::listen()?;
        let settings = Settings::load(Flags {
            config: self.config,
            data: self.data.clone(),
            slices: self.slices,
            resources: self.resources,
            log_format: self.log_format,
            ..Flags::default()
        })?;
        logging::start(&settings.log_filter, settings.log_format)?;
        let (host, port) = host_and_port(&self.leader)?;
        let memory = query_memory(&settings.resources)?;
        let node = NodeSettings {
            leader: url_of(host, port)?,
            credential: self.secret.credential()?,
            listen: SocketAddr::new(self.listen, self.port),
            host: self.host,
            slices: settings.slices.unwrap_or_else(|| settings.slices_default()),
            data: self.data,
            s3: settings.s3.default.clone(),
            block_cache_bytes_max: settings.resources.block_cache_bytes_max(),
            memory: Arc::clone(&memory),
        };
        let served = serve(node, self.until_stdin_ends, &mut stop).await;
        memory.close();
        served
    }
}

async fn serve(
    node: NodeSettings,
    until_stdin_ends: bool,
    stop: &mut StopSignal,
) -> anyhow::Result<()> {
    let orphaned = stdin_ended(until_stdin_ends);
    tokio::pin!(orphaned);
    let node = tokio::select! {
        joined = ComputeNode::join(node) => joined?,
        () = stop.received() => return Ok(()),
        () = &mut orphaned => return Ok(()),
    };
    say(format_args!("ready: compute {}", node.url()));
    tokio::select! {
        refused = node.stay() => return Err(refused.into()),
        () = stop.received() => {}
        () = &mut orphaned => {}
    }
    tracing::info!("leaving the cluster");
    node.leave().await;
    Ok(())
}

fn host_and_port(leader: &str) -> anyhow::Result<(&str, u16)> {
    // More than one colon without brackets is an IPv6 address.
    match leader.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            let port = port
                .parse()
                .with_context(|| format!("--leader {leader}: \"{port}\" is no port"))?;
            Ok((host, port))
        }
        _ => Ok((leader, CLUSTER_PORT_DEFAULT)),
    }
}

async fn stdin_ended(is_awaited: bool) {
    if !is_awaited {
        return std::future::pending().await;
    }
    let mut ignored = [0; 64];
    while tokio::io::stdin().read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
