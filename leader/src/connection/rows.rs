//! The rows of a statement on their way out: pulled as the client takes them.

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::{
    Failure,
    cancel::Interrupt,
    caught, guarded,
    output::Output,
    row_encoder::{BatchEncoder, RowEncoder},
};
use crate::session::RowsTag;

/// A result that is being read, perhaps in several parts.
pub(super) struct Rows {
    batches: SendableRecordBatchStream,
    encoder: RowEncoder,
    tag: RowsTag,
    /// The batch that is being sent, and its next row.
    current: Option<(BatchEncoder, usize)>,
}

/// How far a part went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// To the end of the rows; this many in this part.
    All(u64),
    /// To the limit.
    Limit,
}

impl Rows {
    /// Returns rows of which none is sent.
    pub(super) fn new(
        batches: SendableRecordBatchStream,
        encoder: RowEncoder,
        tag: RowsTag,
    ) -> Self {
        Self { batches, encoder, tag, current: None }
    }

    /// Returns the encoder, which knows the columns.
    pub(super) fn encoder(&self) -> &RowEncoder {
        &self.encoder
    }

    /// Sends rows, at most `limit`. No more than one batch and one buffer is held, however many
    /// rows there are: the next batch is asked for when the client has taken this one.
    pub(super) async fn send(
        &mut self,
        limit: Option<u64>,
        output: &mut Output,
        interrupt: &Interrupt,
    ) -> Result<Sent, Failure> {
        let mut sent = 0;
        loop {
            if limit.is_some_and(|limit| sent >= limit) {
                return Ok(Sent::Limit);
            }
            let (batch, next_row) = match &mut self.current {
                Some((batch, next_row)) if *next_row < batch.row_count() => (batch, next_row),
                _ => match self.next_batch(interrupt).await? {
                    Some(batch) => {
                        self.current = Some((caught(|| self.encoder.batch(&batch))?, 0));
                        continue;
                    }
                    None => return Ok(Sent::All(sent)),
                },
            };
            let rows_wanted = limit.map_or(u64::MAX, |limit| limit - sent);
            let before = *next_row;
            caught(|| {
                encode_rows(batch, next_row, rows_wanted, output);
                Ok(())
            })?;
            sent += (*next_row - before) as u64;
            if output.is_full() {
                output.flush(interrupt).await?;
            }
        }
    }

    async fn next_batch(&mut self, interrupt: &Interrupt) -> Result<Option<RecordBatch>, Failure> {
        let batches = &mut self.batches;
        guarded(interrupt, async move { Ok(batches.next().await.transpose()?) }).await
    }

    /// Returns the command tag for this many rows.
    pub(super) fn tag(&self, row_count: u64) -> String {
        match self.tag {
            RowsTag::Select => format!("SELECT {row_count}"),
            RowsTag::Explain => "EXPLAIN".to_owned(),
            RowsTag::Show => "SHOW".to_owned(),
            RowsTag::AnalyzeCompression => "ANALYZE COMPRESSION".to_owned(),
        }
    }
}

/// Encodes rows until the batch ends, enough are sent or the buffer is full.
fn encode_rows(batch: &BatchEncoder, next_row: &mut usize, wanted: u64, output: &mut Output) {
    let end = batch
        .row_count()
        .min(next_row.saturating_add(usize::try_from(wanted).unwrap_or(usize::MAX)));
    while *next_row < end && !output.is_full() {
        batch.encode(*next_row, output.buffer());
        *next_row += 1;
    }
}
