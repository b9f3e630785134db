//! The real binary as a child process.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, bail};

/// The keys of the endpoints that are started.
pub const S3_KEYS: (&str, &str) = ("bench-key", "bench-secret");
/// Variables that would change what is measured.
const FOREIGN_VARIABLES: [&str; 7] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_SESSION_TOKEN",
    "BLUESHIFT_PASSWORD",
    "BLUESHIFT_LOG",
];

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts an S3 endpoint on a folder.
    pub fn s3(root: &Path) -> anyhow::Result<Self> {
        let mut command = command()?;
        command.arg("s3").arg("--root").arg(root).args(["--port", "0"]);
        Self::start(command)
    }

    /// Starts a warehouse, which reads from an endpoint if there is one.
    pub fn warehouse(data: &Path, s3: Option<&Self>, slices: Option<u32>) -> anyhow::Result<Self> {
        let mut command = command()?;
        command.arg("serve").arg("--data").arg(data).args(["--port", "0"]);
        if let Some(s3) = s3 {
            command.env("AWS_ENDPOINT_URL_S3", &s3.address);
        }
        if let Some(slices) = slices {
            command.args(["--slices", &slices.to_string()]);
        }
        Self::start(command)
    }

    /// Returns where it serves: `127.0.0.1:port`, or a URL.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the most memory that it ever had.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the binary")?;
        let mut lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        let mut log = Vec::new();
        while let Some(Ok(line)) = lines.as_mut().and_then(Iterator::next) {
            let Some(ready) = line.strip_prefix("ready: ") else {
                log.push(line);
                continue;
            };
            let address = ready.split(' ').next_back().unwrap_or_default().to_owned();
            // Somebody must read the rest, or the server waits when the pipe is full.
            thread::spawn(move || lines.into_iter().flatten().for_each(drop));
            return Ok(Self { child, address });
        }
        // It has closed its standard error: it is gone, or as good as.
        let _ = child.kill();
        let _ = child.wait();
        bail!("the server did not start:\n{}", log.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data goes with it, so there is nothing to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command() -> anyhow::Result<Command> {
    let mut command = Command::new(binary()?);
    for name in FOREIGN_VARIABLES {
        command.env_remove(name);
    }
    command.env("AWS_ACCESS_KEY_ID", S3_KEYS.0).env("AWS_SECRET_ACCESS_KEY", S3_KEYS.1);
    Ok(command)
}

/// Returns the binary that cargo built beside the benchmark.
fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find the benchmark's executable")?;
    let folder = own.parent().and_then(Path::parent).context("find the target folder")?;
    let binary = folder.join(format!("blueshift{}", std::env::consts::EXE_SUFFIX));
    if !binary.is_file() {
        bail!("{} is missing: run `cargo build --release` first", binary.display());
    }
    Ok(binary)
}
