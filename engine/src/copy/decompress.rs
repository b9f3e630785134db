//! A file that must be read from its start, compressed or not: cut into chunks of whole records that
//! any stream may take.
//!
//! ```text
//!  object store ─▶ bytes ─▶ inflate ─▶ cut at record ends ─▶ chunks ─▶ streams parse
//!     (task)        (one blocking thread)                   (bounded)
//! ```

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use memchr::{memchr_iter, memrchr};
use object_store::ObjectStoreExt;
use tokio::sync::{Mutex, mpsc};

use super::{CopyError, CopyFile, CopyOptions, csv, delimited, part, rows::Chunk};
use crate::sql::copy::FileFormat;

/// How many pieces of the compressed file wait to be inflated.
const FETCHED_MAX: usize = 16;
/// A record longer than this is taken for a missing end quote.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// The chunks of one file, taken by whoever is free.
#[derive(Debug)]
pub(super) struct SequentialFile {
    chunks: Mutex<mpsc::Receiver<Result<Chunk, CopyError>>>,
}

impl SequentialFile {
    /// Starts reading a file.
    pub(super) fn open(file: CopyFile, options: Arc<CopyOptions>, chunk_bytes: usize) -> Self {
        let (fetched, pieces) = mpsc::channel(FETCHED_MAX);
        let (chunks, receiver) = mpsc::channel(1);
        let url: Arc<str> = Arc::from(file.url.as_str());
        tokio::spawn(fetch(file, fetched));
        tokio::task::spawn_blocking(move || {
            let reader = PieceReader { pieces, piece: Bytes::new(), failed: None };
            let cutter = Cutter { options: &options, url: &url, chunk_bytes, chunks: &chunks };
            if let Err(error) = cutter.run(reader) {
                // Nobody left to tell: the load was given up.
                let _ = chunks.blocking_send(Err(error));
            }
        });
        Self { chunks: Mutex::new(receiver) }
    }

    /// Returns the next chunk; `None` at the end.
    pub(super) async fn next(&self) -> Result<Option<Chunk>, CopyError> {
        self.chunks.lock().await.recv().await.transpose()
    }
}

/// Sends the file piece by piece; ends when the reader is gone.
async fn fetch(file: CopyFile, pieces: mpsc::Sender<Result<Bytes, CopyError>>) {
    let mut stream = match file.store.get(&file.path).await {
        Ok(result) => result.into_stream(),
        Err(error) => {
            let _ = pieces.send(Err(file.location.error(error))).await;
            return;
        }
    };
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| file.location.error(error));
        let failed = piece.is_err();
        if pieces.send(piece).await.is_err() || failed {
            return;
        }
    }
}

/// The pieces as one reader for a blocking thread.
struct PieceReader {
    pieces: mpsc::Receiver<Result<Bytes, CopyError>>,
    piece: Bytes,
    failed: Option<CopyError>,
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => {
                    self.failed = Some(error);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Cuts a file into chunks.
struct Cutter<'a> {
    options: &'a CopyOptions,
    url: &'a Arc<str>,
    chunk_bytes: usize,
    chunks: &'a mpsc::Sender<Result<Chunk, CopyError>>,
}

impl Cutter<'_> {
    fn run(&self, reader: PieceReader) -> Result<(), CopyError> {
        if !self.options.gzip {
            let mut reader = reader;
            let result = self.cut(&mut reader);
            return result.map_err(|error| self.error(error, reader.failed.take()));
        }
        let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(256 << 10, reader));
        let result = self.cut(&mut decoder);
        let failed = decoder.get_mut().get_mut().failed.take();
        result.map_err(|error| self.error(error, failed))
    }

    fn error(&self, error: io::Error, failed: Option<CopyError>) -> CopyError {
        if let Some(failed) = failed {
            return failed;
        }
        let hint = (self.options.gzip && error.kind() == io::ErrorKind::InvalidInput)
            .then(|| "Leave GZIP out if the file is not compressed.".to_owned());
        CopyError::File { url: self.url.to_string(), reason: error.to_string(), hint }
    }

    fn cut(&self, reader: &mut impl Read) -> io::Result<()> {
        let mut rest: Vec<u8> = Vec::new();
        let mut line = 1;
        let mut first = true;
        loop {
            let wanted = (self.chunk_bytes.max(rest.len() * 2) - rest.len()) as u64;
            let mut bytes = Vec::with_capacity(rest.len() + wanted as usize);
            bytes.append(&mut rest);
            let at_end = (&mut *reader).take(wanted).read_to_end(&mut bytes)? < wanted as usize;
            if first {
                first = false;
                part::check_plain(self.url, &bytes, self.options).map_err(|error| {
                    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
                })?;
                bytes.drain(..part::byte_order_mark(&bytes));
            }
            let end = if at_end { bytes.len() } else { self.last_record_end(&bytes) };
            rest = bytes.split_off(end);
            if rest.len() > RECORD_BYTES_MAX {
                let reason = "a record is longer than 64 MB; is a quotation mark missing?";
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if !bytes.is_empty() {
                let lines = memchr_iter(b'\n', &bytes).count() as i64;
                let file = Arc::clone(self.url);
                let chunk = Chunk { file, offset: None, bytes: bytes.into(), first_line: line };
                line += lines;
                if self.chunks.blocking_send(Ok(chunk)).is_err() {
                    return Ok(());
                }
            }
            if at_end {
                return Ok(());
            }
        }
    }

    fn last_record_end(&self, bytes: &[u8]) -> usize {
        match self.options.format {
            FileFormat::Csv => csv::last_record_end(bytes, self.options.quote),
            _ if self.options.escape => delimited::last_escaped_record_end(bytes),
            _ => memrchr(b'\n', bytes).map_or(0, |found| found + 1),
        }
    }
}
