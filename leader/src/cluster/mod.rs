//! The compute nodes, as the leader sees them.

use async_trait::async_trait;
use datafusion::arrow::record_batch::RecordBatch;
use engine::{
    error::Error,
    storage::{run::Run, writer::TableLayout},
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
}

/// What was written: not visible until the leader commits it.
#[derive(Debug, Default)]
pub struct Written {
    /// The new runs.
    pub runs: Vec<Run>,
    /// Rows, counted once (an ALL table's too).
    pub row_count: u64,
}

/// The seam to compute: in one process today, over the network in a cluster.
#[async_trait]
pub trait ComputeNodes: Send + Sync {
    /// Writes rows to the slices that own them.
    ///
    /// Contract: on an error, or when the future is dropped, nothing that was written is kept.
    async fn write(&self, request: WriteRequest) -> Result<Written, Error>;
}
