//! The real `blueshift` binary as a child process: started, awaited, killed.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

/// How long a server may take until it says that it is ready.
const READY_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a server may take to leave after SIGTERM.
const EXIT_WAIT_MAX: Duration = Duration::from_secs(20);
/// How often an exit is looked for.
const POLL: Duration = Duration::from_millis(10);
/// A user that may mount file systems which nobody else sees; the script follows.
const NEW_NAMESPACE: [&str; 5] = ["--user", "--map-root-user", "--mount", "sh", "-c"];
/// The variables that would change what a server does.
const FOREIGN_VARIABLES: [&str; 10] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "BLUESHIFT_PASSWORD",
    "RUST_LOG",
];

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Read by [`Self::wait_ready`] only; the lock is there because a receiver cannot be shared.
    lines: Mutex<mpsc::Receiver<String>>,
}

/// Returns the path of the binary that cargo built beside the test executable.
pub fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe().context("find the test executable")?;
    let folder = test.parent().and_then(Path::parent).context("find the target folder")?;
    let binary = folder.join(format!("blueshift{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        binary.is_file(),
        "{} is missing: run `cargo test --release --workspace`, which builds it, or `cargo build \
         --release` first",
        binary.display()
    );
    Ok(binary)
}

/// Returns the command that runs the binary with nothing inherited that would change what it does.
pub fn command() -> Result<Command> {
    Ok(clean(Command::new(binary()?)))
}

/// Returns the command that runs the binary with files limited to a size: a write beyond it fails
/// as on a full disk.
pub fn command_with_file_limit(bytes_max: u64) -> Result<Command> {
    // A shell's limit counts blocks of 512 bytes (POSIX). The signal is ignored so that the write
    // fails, as it does on a full disk, instead of the process.
    let blocks = bytes_max / 512;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = clean(Command::new("sh"));
    command.arg("-c").arg(script).arg(binary()?);
    Ok(command)
}

/// Returns the command that runs the binary on a file system of its own, of `bytes` bytes, in the folder `disk`.
///
/// It needs user namespaces; nobody else sees what is in the folder but by way of `/proc`.
pub fn command_on_disk_of(disk: &Path, bytes: u64) -> Result<Command> {
    let script = format!("mount -t tmpfs -o size={bytes} tmpfs \"$0\" && exec \"$@\"");
    let mut command = clean(Command::new("unshare"));
    command.args(NEW_NAMESPACE).arg(script).arg(disk).arg(binary()?);
    Ok(command)
}

/// Returns whether [`command_on_disk_of`] works here.
pub fn has_user_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command.args(NEW_NAMESPACE).arg("mount -t tmpfs tmpfs /tmp").stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn clean(mut command: Command) -> Command {
    for name in FOREIGN_VARIABLES {
        command.env_remove(name);
    }
    command
}

impl ServerProcess {
    /// Starts a server; its standard error is kept for [`Self::log`].
    pub fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let stderr = child.stderr.take().context("take the standard error")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, lines) = mpsc::channel();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::result::Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
                // Nobody reads after the ready line; the log keeps everything.
                let _unread = sender.send(line);
            }
        });
        Ok(Self { child, log, lines: Mutex::new(lines) })
    }

    /// Waits for the line `ready: WHAT ADDRESS` and returns the address.
    pub fn wait_ready(&mut self, what: &str) -> Result<String> {
        let prefix = format!("ready: {what} ");
        let until = Instant::now() + READY_WAIT_MAX;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line =
                self.lines.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(left);
            match line {
                Ok(line) => {
                    if let Some((_, address)) = line.split_once(&prefix) {
                        return Ok(address.trim().to_owned());
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    bail!("no `{prefix}` within {READY_WAIT_MAX:?}; its log:\n{}", self.log())
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().context("wait for the server")?;
                    bail!(
                        "the server left with {status} before `{prefix}`; its log:\n{}",
                        self.log()
                    )
                }
            }
        }
    }

    /// Returns what the server has written so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Returns whether the server still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server as a power cut does: SIGKILL, nothing is flushed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill the server")?;
        self.child.wait().context("wait for the killed server")?;
        Ok(())
    }

    /// Asks the server to leave (SIGTERM) and returns its exit code.
    pub fn terminate(&mut self) -> Result<Option<i32>> {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .context("send SIGTERM")?;
        ensure!(status.success(), "SIGTERM could not be sent");
        self.wait_exit()
    }

    /// Waits until the server leaves; returns its exit code.
    pub fn wait_exit(&mut self) -> Result<Option<i32>> {
        let until = Instant::now() + EXIT_WAIT_MAX;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().context("look for the exit")? {
                return Ok(status.code());
            }
            std::thread::sleep(POLL);
        }
        bail!("the server did not leave within {EXIT_WAIT_MAX:?}; its log:\n{}", self.log())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have left already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
