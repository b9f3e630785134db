//! What queries may take of a node's memory, and of its disk where that is not enough.
//!
//! ```text
//!  NodeMemory ── bytes_max, shared by ──▶ QueryMemory, one for each query: a share each, given to its operators
//!      └──────── spills to ─────────────▶ SpillFolder: files of this process, bounded, gone with it
//! ```
//!
//! | file    | what is in it                                                                 |
//! |---------|-------------------------------------------------------------------------------|
//! | `node`  | [`NodeMemory`]: which queries there are, how much each may have                |
//! | `query` | the pool that one query's operators ask                                        |
//! | `spill` | [`SpillFolder`]: the files that sorts, aggregations and exchanges write rows to |
//!
//! Invariants:
//!
//! * What operators are granted never exceeds the node's bound. What they take without asking (buffers of the network)
//!   is counted, and leaves the others less.
//! * A query that needs little gets it, whatever the others have: a part of the bound is kept for such.
//! * A file in the folder has an operator that reads or writes it; it goes when that one does.

mod node;
mod query;
mod spill;

pub use node::NodeMemory;
pub use spill::SpillFolder;
