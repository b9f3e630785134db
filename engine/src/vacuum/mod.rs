//! VACUUM: which runs of a table are written anew, and how the new ones take their place.
//!
//! ```text
//!  table as of v ─▶ decision: sort, reclaim, neither ─▶ choice: per slice, runs to merge
//!       │                                                    │
//!       │            compute: merge the runs' live rows ◀────┘   no lock: readers and writers go on
//!       │                 │ new runs, and where each row comes from
//!       ▼                 ▼
//!  table as of now ─▶ replacement: rows deleted since v are deleted in the new runs too
//!                         └─▶ one commit, under the table's write lock
//! ```
//!
//! Invariants:
//!
//! * A row is in the table exactly once, before and after: the old runs go in the commit that brings the new.
//! * Runs that arrive meanwhile stay as they are.
//! * What cannot be carried over (a run that was merged has gone, the table has other columns) gives the new
//!   runs up, never the change.

mod choice;
mod decision;
mod replacement;

pub use choice::{Eligible, Rewrite, Work, rewrites};
pub use decision::{Decision, decide};
pub use replacement::{Rewritten, replacement};
