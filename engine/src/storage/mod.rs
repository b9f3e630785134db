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
//! | `slice_writer` | [`SliceWriter`](slice_writer::SliceWriter): ordered rows of one slice in, runs of the usual size out |
//! | `run_order`  | which runs can be read one after the other                           |
//! | `sort`, `z_order`, `zones`, `bounds`, `distinct` | what happens to rows on their way into a run |
//! | `row_sample`, `value_statistics`, `column_summary` | what ANALYZE and loads find out of values  |
//! | `format`     | runs as Vortex files                                                  |
//! | `encoding`   | ENCODE: how columns of a run are compressed                           |
//! | `segment_checksums`, `verified_run`, `damaged_blocks` | how damage is noticed, and named |
//! | `inline`     | rows of small runs, which are in the commit log instead               |
//! | `delete_vector` | rows of a run that are deleted                                     |
//! | `pending`    | objects of a statement that has not succeeded yet                     |
//! | `object_cache`, `segment_cache`, `page_cache` | zone maps, delete vectors and pieces of runs, in memory |

mod bounds;
mod column_summary;
mod damaged_blocks;
mod delete_vector;
mod distinct;
mod durable;
pub mod encoding;
mod error;
pub mod format;
pub mod inline;
mod object_cache;
mod page_cache;
pub mod paths;
mod pending;
mod root;
mod row_sample;
pub mod run;
pub mod run_order;
mod segment_cache;
mod segment_checksums;
pub mod slice_writer;
mod sort;
#[cfg(test)]
mod tests;
mod value_statistics;
mod verified_run;
pub mod writer;
mod z_order;
pub mod zones;

pub use bounds::is_exact_text;
pub use column_summary::ColumnSummary;
pub(crate) use damaged_blocks::{DamagedBlocks, damaged_blocks};
pub use delete_vector::DeleteVector;
pub use distinct::DistinctEstimator;
pub use error::StorageError;
pub use pending::{PendingObjects, delete_objects};
pub use root::{ManagedStorage, ObjectEntry};
pub use row_sample::{RowSample, SAMPLE_ROWS_MAX};
pub use sort::{RowOrder, SORT_OPTIONS};
pub use value_statistics::ValueStatistics;
