//! Jobs: what a node does for the leader beside pieces of plans. Each is one exchange of JSON messages.
//!
//! ```text
//!  leader                                      node
//!    │── a share of a COPY, runs to merge ──────▶│  reads, writes runs
//!    │◀─ log (rows that were refused, or done) ──│
//!    │◀─ written (runs, what is known of them) ──│  they are durable; the node waits
//!    │── keep ──────────────────────────────────▶│  said when every node has written
//!    │◀─ kept ───────────────────────────────────│  from now on the runs are the leader's; it commits
//! ```
//!
//! Invariants:
//!
//! * Until it was told to keep what it has written, a node that fails, is given up or loses the leader deletes it.
//! * The leader commits nothing that a node has not said to keep. It finds what a node has written that is gone: runs are
//!   named for the write that they belong to ([`crate::writes`]).
//!
//! | file    | what is in it                                             |
//! |---------|-----------------------------------------------------------|
//! | `copy`  | a share of a COPY                                         |
//! | `merge` | runs of a slice become one: VACUUM, and merges in the background |
//! | `asked` | the node's end of the exchange                            |
//! | `asking`| the leader's end of it                                    |

mod asked;
mod asking;
mod copy;
mod merge;

use engine::{
    copy::LoadReport,
    ids::WriteId,
    storage::{run::Run, slice_writer::RowOrigins},
};
use serde::{Deserialize, Serialize};

pub use asked::Jobs;
pub use asking::{NodeAtWork, unexpected};
pub use copy::CopyJob;
pub use merge::MergeJob;

use crate::load::Loaded;

/// What the leader says.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Copy(Box<CopyJob>),
    Merge(Box<MergeJob>),
    Keep,
}

impl Order {
    /// Returns what is written, if something is.
    fn write(&self) -> Option<WriteId> {
        match self {
            Self::Copy(job) => job.append.as_ref().map(|append| append.written().0),
            Self::Merge(job) => Some(job.write),
            Self::Keep => None,
        }
    }
}

/// What a node says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    /// Lines were scanned, rows were refused.
    Log(LoadReport),
    /// So many more rows are done.
    RowsDone(u64),
    /// All of a COPY's share is written.
    Written(Loaded),
    /// All runs are merged.
    Merged(MergedRuns),
    /// What was written is the leader's.
    Kept,
}

/// What was written of runs that were merged.
#[derive(Debug, Serialize, Deserialize)]
pub struct MergedRuns {
    /// The new runs, in the order of their rows.
    pub runs: Vec<Run>,
    /// Where their rows come from: runs by their places in the job's table.
    pub origins: RowOrigins,
}
