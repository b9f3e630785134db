//! The checksum of every segment of a run, as the last of its segments.
//!
//! ```text
//!  segment 0 │ segment 1 │ … ─▶ │ xxh3 of 0 │ xxh3 of 1 │ … │ mark │ xxh3 of all that │ ─▶ zone map, footer
//! ```
//!
//! The manifest has a checksum of the whole run, but a query reads no whole run: it holds the segments that it reads
//! against these. No layout refers to them, so that Vortex does not see them. Runs that were written before there were
//! any have none, and are read as they are.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use vortex::{
    buffer::{Alignment, ByteBuffer},
    error::{VortexResult, vortex_err},
    file::{Footer, OpenOptionsSessionExt, SegmentSpec},
    io::VortexReadAt,
    layout::{
        LayoutRef, LayoutStrategy, LayoutWriterContext,
        segments::{SegmentId, SegmentSink, SegmentSinkRef},
        sequence::{SendableSequentialStream, SequenceId, SequencePointer},
    },
    session::VortexSession,
};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::format::session;

/// What comes between the checksums and the checksum of the checksums.
const MARK: &[u8] = b"segments";

/// Writes what another strategy writes, and then the checksums of its segments.
pub(super) struct Checksummed(pub(super) Arc<dyn LayoutStrategy>);

#[async_trait]
impl LayoutStrategy for Checksummed {
    async fn write_stream(
        &self,
        context: LayoutWriterContext,
        segments: SegmentSinkRef,
        stream: SendableSequentialStream,
        mut eof: SequencePointer,
        session: &VortexSession,
    ) -> VortexResult<LayoutRef> {
        let sink = Arc::new(ChecksumSink { segments, checksums: Mutex::default() });
        let last = eof.split_off();
        let written = Arc::<ChecksumSink>::clone(&sink);
        let layout = self.0.write_stream(context, written, stream, last, session).await?;
        let checksums = ByteBuffer::from(sink.encode());
        sink.segments.write(eof.downgrade(), vec![checksums]).await?;
        Ok(layout)
    }
}

/// Notes the checksums of segments on their way.
struct ChecksumSink {
    segments: SegmentSinkRef,
    checksums: Mutex<Vec<(SegmentId, u64)>>,
}

#[async_trait]
impl SegmentSink for ChecksumSink {
    async fn write(
        &self,
        sequence: SequenceId,
        buffers: Vec<ByteBuffer>,
    ) -> VortexResult<SegmentId> {
        let mut checksum = Xxh3::new();
        buffers.iter().for_each(|buffer| checksum.update(buffer.as_slice()));
        let segment = self.segments.write(sequence, buffers).await?;
        self.checksums.lock().push((segment, checksum.digest()));
        Ok(segment)
    }
}

impl ChecksumSink {
    fn encode(&self) -> Vec<u8> {
        let mut checksums = self.checksums.lock().clone();
        checksums.sort_unstable();
        let checksums = checksums.into_iter().flat_map(|(_, checksum)| checksum.to_le_bytes());
        let mut bytes: Vec<u8> = checksums.chain(MARK.iter().copied()).collect();
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }
}

/// The checksums of a run's segments.
#[derive(Debug, Default)]
pub(crate) struct SegmentChecksums {
    /// Where each segment is, in order, and its checksum.
    segments: Vec<(Range<u64>, u64)>,
}

impl SegmentChecksums {
    /// Reads those of a run of `bytes` bytes, and where its segments are; none, if there are none in it.
    pub(crate) async fn read(
        run: &Arc<dyn VortexReadAt>,
        bytes: u64,
    ) -> VortexResult<(Self, Footer)> {
        let options = session().open_options().with_file_size(bytes);
        let footer = options.open_read(Arc::clone(run)).await?.footer().clone();
        let Some((last, segments)) = footer.segment_map().split_last() else {
            return Ok((Self::default(), footer));
        };
        let length = usize::try_from(last.length)?;
        let read = run.read_at(last.offset, length, Alignment::none()).await?;
        let checksums = Self::decode(read.try_into_host()?.await?.as_slice(), segments)?;
        Ok((checksums, footer))
    }

    /// Returns the checksums of these segments, if that is what the bytes are.
    fn decode(bytes: &[u8], segments: &[SegmentSpec]) -> VortexResult<Self> {
        let Some((marked, own)) = bytes.split_last_chunk() else { return Ok(Self::default()) };
        let Some(checksums) = marked.strip_suffix(MARK) else { return Ok(Self::default()) };
        let (checksums, rest) = checksums.as_chunks();
        let is_whole = xxh3_64(marked) == u64::from_le_bytes(*own);
        if !is_whole || !rest.is_empty() || checksums.len() != segments.len() {
            return Err(vortex_err!("the checksums of its segments are damaged"));
        }
        let checksums = checksums.iter().map(|checksum| u64::from_le_bytes(*checksum));
        let ranges = segments.iter().map(SegmentSpec::byte_range);
        Ok(Self { segments: ranges.zip(checksums).collect() })
    }

    /// Returns which segments among these bytes, which start at `offset` of the run, are not what was written.
    pub(crate) fn damaged(&self, offset: u64, bytes: &[u8]) -> Vec<usize> {
        let is_damaged = |(range, checksum): &(Range<u64>, u64)| {
            let [start, end] = [range.start, range.end].map(|at| usize::try_from(at - offset).ok());
            let segment = start.zip(end).and_then(|(start, end)| bytes.get(start..end));
            segment.is_some_and(|segment| xxh3_64(segment) != *checksum)
        };
        let first = self.segments.partition_point(|(range, _)| range.start < offset);
        let end = offset + bytes.len() as u64;
        let among = (first..).zip(self.segments.iter().skip(first));
        let among = among.take_while(|(_, (range, _))| range.start < end);
        among.filter(|(_, segment)| is_damaged(segment)).map(|(number, _)| number).collect()
    }

    /// Returns the memory it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(self.segments.as_slice())
    }
}
