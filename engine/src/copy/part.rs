//! A large uncompressed file is read as parts, side by side.
//!
//! ```text
//!  part           0                 1                 2
//!  bytes    |...............|.................|.............|
//!  records  |--|---|--|---|----|--|-------------|--|--|-----|
//!  read by   0  0   0  0   0    1  1             2  2  2
//! ```
//!
//! Invariants:
//!
//! * A record belongs to the part its first byte is in, except that the one starting exactly at a
//!   part's start belongs to the part before: a part starts after its first line end.
//! * A part is interpreted only when all earlier parts are counted: their line ends give its line
//!   number, their quotes whether it starts inside a quoted field. Parts are taken in order, so
//!   all earlier ones are under way and the wait is short.
//! * Of a file that nodes share each reads a range of bytes as if it were a file, by the same rule. Lines are then counted
//!   from the range's start; who knows the lines of all ranges makes line numbers of the file of them
//!   ([`super::LoadLog::rows`]).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memchr_iter;
use object_store::ObjectStoreExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{CopyError, CopyFile, CopyOptions, csv, rows::Chunk};
use crate::sql::copy::FileFormat;

/// How far behind its end a part looks for the end of its last record, at first.
const OVERRUN_BYTES: u64 = 64 << 10;
/// A record longer than this is taken for a missing end quote.
const RECORD_BYTES_MAX: u64 = 64 << 20;

/// A file cut into parts, and what is known of them.
#[derive(Debug)]
pub(super) struct PartedFile {
    pub(super) file: CopyFile,
    url: Arc<str>,
    part_bytes: u64,
    counts: Mutex<Counts>,
    counted: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    parts: Vec<Option<Count>>,
    failed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    lines: i64,
    quotes: u64,
}

/// Marks the file as failed unless the part was counted, so that nobody waits for it.
struct Counting<'a> {
    file: &'a PartedFile,
    done: bool,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.file.counts.lock().failed = true;
            self.file.counted.notify_waiters();
        }
    }
}

impl PartedFile {
    pub(super) fn new(file: CopyFile, part_bytes: u64) -> Self {
        let bytes = file.range.end - file.range.start;
        let count = usize::try_from(bytes.div_ceil(part_bytes)).unwrap_or(usize::MAX);
        let counts = Counts { parts: vec![None; count], failed: false };
        let url = Arc::from(file.url.as_str());
        Self { file, url, part_bytes, counts: Mutex::new(counts), counted: Notify::new() }
    }

    /// Returns the number of parts; none for an empty file.
    pub(super) fn part_count(&self) -> usize {
        self.counts.lock().parts.len()
    }

    /// Fetches a part; `None` if no record starts in it.
    pub(super) async fn chunk(
        &self,
        part: usize,
        options: &CopyOptions,
    ) -> Result<Option<Chunk>, CopyError> {
        let start = self.file.range.start + part as u64 * self.part_bytes;
        let end = (start + self.part_bytes).min(self.file.range.end);
        let mut counting = Counting { file: self, done: false };
        let mut bytes = self.fetch(start, end + OVERRUN_BYTES).await?;
        let own_length = usize::try_from(end - start).unwrap_or(usize::MAX).min(bytes.len());
        let own = self.count(&bytes[..own_length], options);
        self.publish(part, own);
        counting.done = true;
        let before = self.before(part).await?;
        if start == 0 {
            check_plain(&self.url, &bytes, options)?;
        }
        self.check_header(end, before.lines + own.lines, options)?;
        let inside = before.quotes % 2 == 1;
        let begin = match start {
            0 => Some(byte_order_mark(&bytes)),
            _ => record_end(options, &bytes, 0, inside).map(|found| found + 1),
        };
        let Some(begin) = begin.filter(|begin| *begin <= own_length) else { return Ok(None) };
        let inside = (before.quotes + own.quotes) % 2 == 1;
        let stop = self.stop(&mut bytes, start, own_length, inside, options).await?;
        let skipped = memchr_iter(b'\n', &bytes[..begin]).count() as i64;
        let bytes = bytes.slice(begin..stop.max(begin));
        let first_line = before.lines + skipped + 1;
        let offset = self.file.offset();
        Ok(Some(Chunk { file: Arc::clone(&self.url), offset, bytes, first_line }))
    }

    /// Refuses a header that goes on in the next range: who reads that takes all of it for rows.
    fn check_header(&self, end: u64, lines: i64, options: &CopyOptions) -> Result<(), CopyError> {
        let range = &self.file.range;
        let is_followed = range.start == 0 && end == range.end && end < self.file.bytes;
        if is_followed && u64::try_from(lines).unwrap_or(0) < options.header_rows {
            let reason = "its header has lines of several megabytes; split the file";
            return Err(CopyError::file(&self.url, reason));
        }
        Ok(())
    }

    /// Finds the end of the last record of a part, fetching more when it is long.
    async fn stop(
        &self,
        bytes: &mut Bytes,
        start: u64,
        own_length: usize,
        inside: bool,
        options: &CopyOptions,
    ) -> Result<usize, CopyError> {
        let mut more = OVERRUN_BYTES;
        loop {
            if let Some(found) = record_end(options, bytes, own_length, inside) {
                return Ok(found + 1);
            }
            let fetched = start + bytes.len() as u64;
            if fetched >= self.file.bytes {
                return Ok(bytes.len());
            }
            more *= 4;
            if more > RECORD_BYTES_MAX {
                let reason = "a record is longer than 64 MB; is a quotation mark missing?";
                return Err(CopyError::file(&self.url, reason));
            }
            let mut joined = BytesMut::from(bytes.as_ref());
            joined.extend_from_slice(&self.fetch(fetched, fetched + more).await?);
            *bytes = joined.freeze();
        }
    }

    async fn fetch(&self, start: u64, end: u64) -> Result<Bytes, CopyError> {
        let range = start..end.min(self.file.bytes);
        let fetched = self.file.store.get_range(&self.file.path, range).await;
        fetched.map_err(|error| self.file.location.error(error))
    }

    fn count(&self, bytes: &[u8], options: &CopyOptions) -> Count {
        // The last part's count is nobody's start.
        let lines = memchr_iter(b'\n', bytes).count() as i64;
        let quotes = match options.format {
            FileFormat::Csv => memchr_iter(options.quote, bytes).count() as u64,
            _ => 0,
        };
        Count { lines, quotes }
    }

    fn publish(&self, part: usize, count: Count) {
        if let Some(slot) = self.counts.lock().parts.get_mut(part) {
            *slot = Some(count);
        }
        self.counted.notify_waiters();
    }

    /// Waits until all parts before this one are counted.
    async fn before(&self, part: usize) -> Result<Count, CopyError> {
        loop {
            let counted = self.counted.notified();
            {
                let counts = self.counts.lock();
                let known: Option<Vec<Count>> = counts.parts[..part].iter().copied().collect();
                if let Some(known) = known {
                    let lines = known.iter().map(|count| count.lines).sum();
                    return Ok(Count {
                        lines,
                        quotes: known.iter().map(|count| count.quotes).sum(),
                    });
                }
                if counts.failed {
                    return Err(CopyError::file(&self.url, "another part of it could not be read"));
                }
            }
            counted.await;
        }
    }
}

fn record_end(options: &CopyOptions, bytes: &[u8], from: usize, inside: bool) -> Option<usize> {
    match options.format {
        FileFormat::Csv => csv::record_end(bytes, from, options.quote, inside),
        _ => csv::record_end_unquoted(bytes, from),
    }
}

/// Returns the length of a byte order mark.
pub(super) fn byte_order_mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 }
}

/// Refuses a compressed file where plain text is expected.
pub(super) fn check_plain(url: &str, bytes: &[u8], options: &CopyOptions) -> Result<(), CopyError> {
    if bytes.starts_with(b"\x1F\x8B\x08") && !options.gzip {
        return Err(CopyError::File {
            url: url.to_owned(),
            reason: "it is compressed with gzip".to_owned(),
            hint: Some("Add GZIP to the statement.".to_owned()),
        });
    }
    Ok(())
}
