//! What leader and compute nodes say to each other, beside plans and rows. JSON: a message is rare and small.
//!
//! ```text
//!  node                                   leader
//!   │── hello (build, url, slices) ────────▶│  refused: another build, another secret
//!   │◀─ waiting, or where the data is ──────│
//!   │   reads the probe                     │
//!   │── join (url, slices) ────────────────▶│  from now on it gets pieces of plans
//!   │── heartbeat (url, what it holds) ────▶│  every second; unknown: the node says hello again
//!   │── leave ─────────────────────────────▶│  no new queries; those under way finish
//! ```

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use url::Url;
use xxhash_rust::xxh3::Xxh3;

use crate::holdings::Holdings;

/// The actions that the leader answers.
pub mod request {
    /// [`Hello`](super::Hello) → [`Welcome`](super::Welcome).
    pub const HELLO: &str = "blueshift.hello";
    /// [`Node`](super::Node) → nothing.
    pub const JOIN: &str = "blueshift.join";
    /// [`Heartbeat`](super::Heartbeat) → [`HeartbeatAnswer`](super::HeartbeatAnswer).
    pub const HEARTBEAT: &str = "blueshift.heartbeat";
    /// [`Node`](super::Node) → nothing.
    pub const LEAVE: &str = "blueshift.leave";
}

/// The header that says of which query a piece of a plan is: those of one share its memory.
pub const QUERY_HEADER: &str = "blueshift-query";

/// How often a node says that it is there.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a node may be silent before the leader plans without it.
pub const SILENCE_MAX: Duration = Duration::from_secs(3);

/// How far apart the parts of the binary are that are looked at, and how long each is.
const SAMPLE_DISTANCE: u64 = 1 << 20;
const SAMPLE_BYTES: u64 = 4 << 10;

/// Returns what two nodes must have in common to understand each other's plans.
///
/// The binary itself, by samples of its contents: functions and operators travel by name, and a build that
/// lacks one would fail in the middle of a query.
pub fn build_id() -> &'static str {
    static BUILD_ID: LazyLock<String> = LazyLock::new(|| {
        let version = env!("CARGO_PKG_VERSION");
        match std::env::current_exe().and_then(|binary| samples(&binary)) {
            Ok(samples) => format!("{version}-{samples:016x}"),
            Err(_) => version.to_owned(),
        }
    });
    &BUILD_ID
}

fn samples(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut hash = Xxh3::new();
    hash.update(&length.to_le_bytes());
    let mut sample = Vec::new();
    for start in (0..length).step_by(SAMPLE_DISTANCE as usize) {
        file.seek(SeekFrom::Start(start))?;
        sample.clear();
        file.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample)?;
        hash.update(&sample);
    }
    Ok(hash.digest())
}

/// A node that would like to join.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// [`build_id`] of the node.
    pub build: String,
    /// Who it is.
    pub node: Node,
}

/// A compute node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Where leader and other nodes reach it.
    #[serde(with = "text")]
    pub url: Url,
    /// The slices it offers to a new cluster.
    pub slices: u32,
}

/// The leader's answer to [`Hello`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Welcome {
    /// The cluster is new and waits for more nodes: say hello again.
    Waiting,
    /// The node may join, if it can read the probe.
    Ready {
        /// The managed storage, as the leader was told it.
        data: String,
        /// The slices of the cluster.
        slice_count: u32,
        /// What the node must find there.
        probe: String,
    },
}

/// What a node says every second.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who it is.
    pub node: Node,
    /// What it holds for statements.
    pub holds: Holdings,
}

/// The leader's answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeartbeatAnswer {
    /// All is well.
    Known,
    /// The leader was restarted, or has given the node up.
    Unknown,
}

/// A URL as a text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
