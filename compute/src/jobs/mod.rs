//! Jobs: what a node does for the leader beside pieces of plans. Each is one exchange of JSON messages.
//!
//! ```text
//!  leader                                      node
//!    │── begin (a share of a COPY) ─────────────▶│  reads, writes runs
//!    │◀─ writing (the name of a run) ────────────│  before the run is there
//!    │◀─ log (rows that were refused) ───────────│
//!    │◀─ written (runs, what is known of them) ──│  they are durable; the node waits
//!    │── keep ──────────────────────────────────▶│  said when every node has written
//!    │◀─ kept ───────────────────────────────────│  from now on the runs are the leader's; it commits
//! ```
//!
//! Invariants:
//!
//! * Until it was told to keep what it has written, a node that fails, is given up or loses the leader deletes it.
//! * The leader commits nothing that a node has not said to keep, and knows the name of every run that it has to
//!   delete if a node is gone.
//!
//! | file    | what is in it                                             |
//! |---------|-----------------------------------------------------------|
//! | `copy`  | a share of a COPY                                         |
//! | `asked` | the node's end of the exchange                            |
//! | `asking`| the leader's end of it                                    |

mod asked;
mod asking;
mod copy;

use engine::{copy::LoadReport, storage::paths::RunPath};
use serde::{Deserialize, Serialize};

pub use asked::Jobs;
pub use asking::NodeAtWork;
pub use copy::CopyJob;

use crate::load::Loaded;

/// What the leader says.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Copy(Box<CopyJob>),
    Keep,
}

/// What a node says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    /// It begins to write a run.
    Writing(RunPath),
    /// Lines were scanned, rows were refused.
    Log(LoadReport),
    /// All is written.
    Written(Loaded),
    /// What was written is the leader's.
    Kept,
}
