//! Rows arrive: from the files of a COPY or the plan of an INSERT to runs of the slices that own them.
//!
//! ```text
//!  stream 0 ─▶ assemble ─▶ router ─┐           ┌─▶ runs of slice 0
//!  stream 1 ─▶ assemble ─▶ router ─┴▶ writer ─┴─▶ runs of slice 1
//! ```

use std::sync::Arc;

use arrow::array::RecordBatch;
use engine::{
    error::Error,
    ids::WriteId,
    storage::{
        ColumnSummary, ManagedStorage,
        run::Run,
        writer::{RowRouter, TableLayout, TableWriter},
    },
    write::RowAssembler,
};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinSet};

/// Memory for rows of one statement that wait to be sorted and written.
const WRITE_MEMORY_BYTES_MAX: usize = 160 << 20;

/// Rows on their way.
pub struct Load {
    /// The table they are for.
    pub layout: TableLayout,
    /// How a batch of the streams becomes whole rows.
    pub assembler: RowAssembler,
    /// The rows.
    pub streams: Vec<BoxStream<'static, Result<RecordBatch, Error>>>,
    /// Whether it is to be found out how their values are spread.
    pub summarizes: bool,
    /// The write that they belong to, if nodes share it.
    pub write: Option<WriteId>,
}

/// What was written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Loaded {
    /// The runs.
    pub runs: Vec<Run>,
    /// How the values of each column are spread; empty if nobody asked.
    pub summaries: Vec<ColumnSummary>,
    /// Rows, counted once.
    pub row_count: u64,
    /// Of IDENTITY columns, by position, values behind those that rows have. Several of a column if several have written.
    pub identities: Vec<(usize, i64)>,
}

impl Loaded {
    /// Adds what another node has written of the same statement.
    pub fn add(&mut self, other: Self) {
        self.summaries = match self.summaries.is_empty() {
            true => other.summaries,
            false => {
                let both = self.summaries.iter().zip(&other.summaries);
                both.map(|(known, more)| known.merged(more)).collect()
            }
        };
        self.runs.extend(other.runs);
        self.row_count += other.row_count;
        self.identities.extend(other.identities);
    }
}

/// Writes all rows, or keeps nothing of them.
pub async fn write(storage: &Arc<ManagedStorage>, load: Load) -> Result<Loaded, Error> {
    let Load { layout, assembler, streams, summarizes, write } = load;
    let table = layout.table;
    let writer = TableWriter::new(Arc::clone(storage), layout, WRITE_MEMORY_BYTES_MAX);
    let mut writer = writer.of_write(write);
    if summarizes {
        writer = writer.summarizing();
    }
    let routers = streams.iter().map(|_| writer.router()).collect::<Vec<_>>();
    let writer = Arc::new(Mutex::new(writer));
    let mut writing = JoinSet::new();
    for (stream, router) in streams.into_iter().zip(routers) {
        writing.spawn(write_stream(Arc::clone(&writer), router, assembler.clone(), stream));
    }
    let (mut row_count, mut failure) = (0, None);
    while let Some(finished) = writing.join_next().await {
        match finished {
            Ok(Ok(rows)) => row_count += rows,
            Ok(Err(error)) => {
                failure.get_or_insert(error);
                writing.abort_all();
            }
            Err(join) if join.is_cancelled() => {}
            Err(join) => {
                failure.get_or_insert(Error::panicked(join));
                writing.abort_all();
            }
        }
    }
    let Some(writer) = Arc::into_inner(writer) else {
        return Err(Error::panicked("a stream of rows that ended still holds the writer"));
    };
    match failure {
        None => {
            let (runs, summaries) = writer.into_inner().finish_summarized().await?;
            tracing::debug!(%table, row_count, runs = runs.len(), "rows are written");
            Ok(Loaded { runs, summaries, row_count, identities: Vec::new() })
        }
        Some(error) => {
            writer.into_inner().abort().await;
            Err(error)
        }
    }
}

async fn write_stream(
    writer: Arc<Mutex<TableWriter>>,
    mut router: RowRouter,
    assembler: RowAssembler,
    mut stream: BoxStream<'static, Result<RecordBatch, Error>>,
) -> Result<u64, Error> {
    let mut row_count = 0;
    while let Some(batch) = stream.next().await {
        let batch = assembler.assemble(&batch?)?;
        row_count += batch.num_rows() as u64;
        let rows = router.route(batch)?;
        writer.lock().await.write(rows).await?;
    }
    Ok(row_count)
}
