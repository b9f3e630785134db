//! Tables on an object store.
//!
//! ```text
//!  table ─▶ slice ─▶ run (one immutable object, sorted, all columns) ─▶ blocks with a zone map each
//! ```
//!
//! | file         | what is in it                                                        |
//! |--------------|----------------------------------------------------------------------|
//! | `root`       | [`ManagedStorage`]: put-if-absent, get, list, delete                  |
//! | `paths`      | the name of every object                                              |
//! | `durable`    | a directory as an object store with fsync                             |
//! | `run`        | a run as the manifest describes it                                    |
//! | `writer`     | [`TableWriter`](writer::TableWriter): rows in, runs out                |
//! | `sort`, `zones`, `bounds`, `distinct` | what happens to rows on their way into a run |
//! | `format`     | runs as Vortex files                                                  |
//! | `zone_cache`, `segment_cache`, `page_cache` | zone maps, and pieces of runs, in memory |

mod bounds;
mod distinct;
mod durable;
mod error;
pub mod format;
mod page_cache;
pub mod paths;
mod root;
pub mod run;
mod segment_cache;
mod sort;
#[cfg(test)]
mod tests;
pub mod writer;
mod zone_cache;
pub mod zones;

pub use bounds::is_exact_text;
pub use error::StorageError;
pub use root::{ManagedStorage, ObjectEntry};
pub use sort::SORT_OPTIONS;
