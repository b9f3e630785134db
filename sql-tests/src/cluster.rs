//! A warehouse of a given shape: the real binary with its data in a temporary folder.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    client::Client,
    process::{self, ServerProcess},
    s3::S3Address,
};

/// Nodes × slices of each: `1x2`. One node is the leader itself, more are processes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Compute nodes.
    pub node_count: u32,
    /// Slices of each node.
    pub slices_per_node: u32,
}

/// The shapes that every `.slt` file runs on; the results must be equal.
pub const SHAPES: [Shape; 3] = [
    Shape { node_count: 1, slices_per_node: 1 },
    Shape { node_count: 1, slices_per_node: 2 },
    Shape { node_count: 2, slices_per_node: 2 },
];

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.node_count, self.slices_per_node)
    }
}

/// Where queries spill to, in the folder a warehouse runs in.
const SPILL_DIR: &str = "spill";

/// What a warehouse is started with.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// `--slices`: of the warehouse, or of each compute node; the server's default when absent.
    pub slices: Option<u32>,
    /// Compute nodes, each a process of its own; all is in one process when absent.
    pub compute_nodes: Option<u32>,
    /// The S3 endpoint of its default profile.
    pub s3: Option<S3Address>,
    /// The superuser's password; none is asked for when absent.
    pub password: Option<String>,
    /// The data folder, or `s3://bucket/prefix`; a temporary folder when absent.
    pub data: Option<PathBuf>,
    /// The largest file it can write: what a full disk is tested with.
    pub file_bytes_max: Option<u64>,
    /// `--memory`; with it, queries spill to [`Cluster::spill_dir`].
    pub memory: Option<&'static str>,
    /// `--spill-limit`.
    pub spill_limit: Option<&'static str>,
    /// The size of the file system that its data is on, which goes with its process; the disk has more than
    /// this when absent.
    pub disk_bytes: Option<u64>,
}

/// A running warehouse.
#[derive(Debug)]
pub struct Cluster {
    options: ClusterOptions,
    data: PathBuf,
    port: u16,
    process: ServerProcess,
    /// Where it runs, with its data if nothing else is said.
    home: TempDir,
}

impl Cluster {
    /// Starts a warehouse and waits until it serves.
    pub fn start(options: ClusterOptions) -> Result<Self> {
        let home = TempDir::new().context("make a data folder")?;
        let own = if options.disk_bytes.is_some() { "data" } else { "" };
        let data = options.data.clone().unwrap_or_else(|| home.path().join(own));
        let (process, port) = serve(&options, &data, home.path())?;
        Ok(Self { options, data, port, process, home })
    }

    /// Starts a warehouse of a shape that reads from an S3 endpoint.
    pub fn of_shape(shape: Shape, s3: &S3Address) -> Result<Self> {
        Self::start(ClusterOptions {
            slices: Some(shape.slices_per_node),
            compute_nodes: (shape.node_count > 1).then_some(shape.node_count),
            s3: Some(s3.clone()),
            ..ClusterOptions::default()
        })
    }

    /// Kills the server (SIGKILL) and starts another one on the same data.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.restart()
    }

    /// Starts another server on the same data, after the first has gone.
    pub fn restart(&mut self) -> Result<()> {
        let (process, port) = serve(&self.options, &self.data, self.home.path())?;
        self.process = process;
        self.port = port;
        Ok(())
    }

    /// Returns the server's process.
    pub fn process(&mut self) -> &mut ServerProcess {
        &mut self.process
    }

    /// Returns the port it serves.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Returns the folder that its queries spill to, if their memory is limited.
    pub fn spill_dir(&self) -> PathBuf {
        self.home.path().join(SPILL_DIR)
    }

    /// Opens a connection as the superuser.
    pub async fn connect(&self) -> Result<Client> {
        Ok(Client::connect(self.port, self.options.password.as_deref()).await?)
    }
}

fn serve(options: &ClusterOptions, data: &Path, home: &Path) -> Result<(ServerProcess, u16)> {
    let mut command = serve_command(options, data)?;
    command.current_dir(home);
    let mut process = ServerProcess::spawn(command)?;
    let address = process.wait_ready("postgres")?;
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    Ok((process, port.with_context(|| format!("no port in `{address}`"))?))
}

fn serve_command(options: &ClusterOptions, data: &Path) -> Result<Command> {
    let mut command = match (options.file_bytes_max, options.disk_bytes, data.parent()) {
        (Some(bytes), ..) => process::command_with_file_limit(bytes)?,
        (None, Some(bytes), Some(disk)) => process::command_on_disk_of(disk, bytes)?,
        _ => process::command()?,
    };
    match options.compute_nodes {
        Some(nodes) => command.args(["cluster", "--compute", &nodes.to_string()]),
        None => command.arg("serve"),
    };
    command.arg("--data").arg(data).args(["--port", "0"]);
    if let Some(slices) = options.slices {
        command.args(["--slices", &slices.to_string()]);
    }
    if let Some(memory) = options.memory {
        // The command runs there.
        command.args(["--memory", memory, "--spill-dir", SPILL_DIR]);
    }
    if let Some(limit) = options.spill_limit {
        command.args(["--spill-limit", limit]);
    }
    if let Some(s3) = &options.s3 {
        command
            .env("AWS_ENDPOINT_URL", &s3.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", &s3.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &s3.secret_access_key);
    }
    if let Some(password) = &options.password {
        command.env("BLUESHIFT_PASSWORD", password);
    }
    Ok(command)
}
