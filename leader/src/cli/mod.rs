//! The command line: one file for each command.

mod check;
mod cluster;
mod compute;
mod leader;
mod quickstart;
mod s3;
mod serve;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use ::compute::channels::Credential;
use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A columnar MPP data warehouse that speaks Amazon Redshift's SQL and protocol.
#[derive(Debug, Parser)]
#[command(name = "blueshift", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a warehouse.
    Serve(serve::Serve),
    /// Runs the leader of a cluster: clients connect to it, compute nodes join it.
    Leader(leader::Leader),
    /// Runs a compute node of a cluster.
    Compute(compute::Compute),
    /// Runs a leader and compute nodes on this machine.
    Cluster(cluster::Cluster),
    /// Reads everything a warehouse has stored, while it does not run, and says what is wrong.
    Check(check::Check),
    /// Shows a warehouse with data: generates TPC-H, loads and queries it.
    Quickstart(quickstart::Quickstart),
    /// Serves a folder as an S3 endpoint.
    S3(s3::S3),
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve(command) => command.run().await,
        Command::Leader(command) => command.run().await,
        Command::Compute(command) => command.run().await,
        Command::Cluster(command) => command.run().await,
        Command::Check(command) => command.run().await,
        Command::Quickstart(command) => command.run().await,
        Command::S3(command) => command.run().await,
    }
}

/// The variable that holds the cluster's secret.
const CLUSTER_SECRET: &str = "BLUESHIFT_CLUSTER_SECRET";

/// The flags of what nodes of a cluster must have in common.
#[derive(Debug, clap::Args)]
struct Secret {
    /// The secret that all nodes of a cluster share; on a machine with other users rather in a file
    #[arg(long, value_name = "SECRET", env = CLUSTER_SECRET, hide_env_values = true)]
    secret: Option<String>,
    /// A file with the secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Secret {
    fn credential(&self) -> anyhow::Result<Credential> {
        let secret = match (&self.secret, &self.secret_file) {
            (_, Some(path)) => fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            (Some(secret), None) => secret.clone(),
            (None, None) => String::new(),
        };
        anyhow::ensure!(
            !secret.is_empty(),
            "a cluster needs a secret: give all its nodes the same --secret-file (or {CLUSTER_SECRET})"
        );
        Ok(Credential::of_secret(&secret)?)
    }
}

/// Writes a line to stderr: what scripts wait for and people read, beside the log.
fn say(line: impl std::fmt::Display) {
    // In one piece: compute nodes of this machine write to it too. Who closed it does not want to know.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// SIGINT and SIGTERM, which ask for an orderly end; from [`Self::listen`] on they no longer kill.
struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    fn listen() -> io::Result<Self> {
        let (interrupt, terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate })
    }

    /// Waits for one of them; one that came before this call counts.
    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
