//! The compute nodes, as the leader sees them.
//!
//! | file       | what is in it                                             |
//! |------------|-----------------------------------------------------------|
//! | `appends`  | rows of a query, written by the nodes that compute them   |
//! | `copies`   | files of a COPY, read and written by nodes                |
//! | `endpoint` | where nodes join                                          |
//! | `failed_writes` | what they leave of statements that fail is deleted   |
//! | `merges`   | runs merged by the nodes that have their slices           |
//! | `nodes`    | which there are                                           |
//! | `lost_nodes` | queries that lose one are run again                     |
//! | `plans`    | plans whose pieces run on them                            |

pub(crate) mod appends;
pub(crate) mod copies;
pub mod endpoint;
pub(crate) mod failed_writes;
pub mod lost_nodes;
pub(crate) mod merges;
pub mod nodes;
pub mod plans;

use std::sync::{Arc, atomic::AtomicU64};

use async_trait::async_trait;
use datafusion::arrow::record_batch::RecordBatch;
use engine::{
    catalog::Table,
    error::Error,
    storage::{ColumnSummary, run::Run, writer::TableLayout},
    vacuum::{Rewrite, Rewritten},
    write::RowAssembler,
};
use futures::stream::BoxStream;

/// Rows on their way to slices.
pub struct WriteRequest {
    /// The table, as the writer needs to know it.
    pub layout: TableLayout,
    /// How a batch of the streams becomes whole rows.
    pub assembler: RowAssembler,
    /// The rows; streams are read side by side, each in its own order.
    pub streams: Vec<BoxStream<'static, Result<RecordBatch, Error>>>,
    /// Whether it is to be found out how their values are spread.
    pub summarizes: bool,
}

/// What was written: not visible until the leader commits it.
#[derive(Debug, Default)]
pub struct Written {
    /// The new runs.
    pub runs: Vec<Run>,
    /// Rows, counted once (an ALL table's too).
    pub row_count: u64,
    /// How the values of each column are spread; empty if nobody asked.
    pub summaries: Vec<ColumnSummary>,
    /// Of IDENTITY columns, by position, values behind those that rows have: of those that nodes have given out.
    pub identities: Vec<(usize, i64)>,
}

/// Runs of one slice to merge.
#[derive(Debug, Clone)]
pub struct RewriteRequest {
    /// The table, as of the version in which the runs are live.
    pub table: Arc<Table>,
    /// The runs.
    pub rewrite: Rewrite,
    /// Counts the rows that were read.
    pub rows_done: Arc<AtomicU64>,
}

/// The seam to compute: in one process, or over the network in a cluster.
#[async_trait]
pub trait ComputeNodes: Send + Sync {
    /// Writes rows to the slices that own them.
    ///
    /// Contract: on an error, or when the future is dropped, nothing that was written is kept.
    async fn write(&self, request: WriteRequest) -> Result<Written, Error>;

    /// Merges runs of a slice to new ones, without the rows that are deleted.
    ///
    /// Contract: as of [`Self::write`].
    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten, Error>;
}
