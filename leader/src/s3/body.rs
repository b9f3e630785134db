//! The bytes of an object: from a request into a file, and from a file into an answer.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use bytes::Bytes;
use futures::StreamExt;
use s3s::{
    S3Error, S3ErrorCode, S3Result, TrailingHeaders,
    checksum::ChecksumHasher,
    crypto::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256},
    dto::{Checksum, ChecksumAlgorithm, StreamingBlob},
    s3_error,
};
use tokio::io::AsyncWriteExt;

use super::folder::io_error;

/// How much is read from a file at once: few enough calls, little enough memory.
const CHUNK_BYTES: usize = 1 << 20;
/// How many chunks wait for a slow client.
const CHUNKS_AHEAD: usize = 2;

/// What a client says the checksum of its bytes is; S3 stores nothing that does not match.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    pub(super) checksum: Checksum,
    /// Checksums may also come after the body.
    pub(super) trailers: Option<TrailingHeaders>,
}

/// Writes a request's body to a file; it is durable when this returns.
pub(super) async fn receive(
    body: Option<StreamingBlob>,
    path: &Path,
    expected: Expected,
) -> S3Result<Checksum> {
    let mut hasher = hasher(&expected)?;
    let mut file = tokio::fs::File::create(path).await.map_err(io_error)?;
    if let Some(mut body) = body {
        while let Some(bytes) = body.next().await {
            let bytes =
                bytes.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?;
            hasher.update(&bytes);
            file.write_all(&bytes).await.map_err(io_error)?;
        }
    }
    file.flush().await.map_err(io_error)?;
    file.sync_all().await.map_err(io_error)?;
    let checksum = hasher.finalize();
    compare(expected, &checksum)?;
    Ok(checksum)
}

fn hasher(expected: &Expected) -> S3Result<ChecksumHasher> {
    let (given, algorithm) = (&expected.checksum, expected.algorithm.as_ref());
    let wanted = |name: &str, given: &Option<String>| {
        given.is_some() || algorithm.is_some_and(|algorithm| algorithm.as_str() == name)
    };
    let mut hasher = ChecksumHasher::default();
    let known = [
        (ChecksumAlgorithm::CRC32, &given.checksum_crc32),
        (ChecksumAlgorithm::CRC32C, &given.checksum_crc32c),
        (ChecksumAlgorithm::CRC64NVME, &given.checksum_crc64nvme),
        (ChecksumAlgorithm::SHA1, &given.checksum_sha1),
        (ChecksumAlgorithm::SHA256, &given.checksum_sha256),
    ];
    if let Some(algorithm) = algorithm
        && !known.iter().any(|(name, _)| *name == algorithm.as_str())
    {
        return Err(s3_error!(NotImplemented, "This checksum algorithm is not supported."));
    }
    for (name, given) in known {
        if !wanted(name, given) {
            continue;
        }
        match name {
            ChecksumAlgorithm::CRC32 => hasher.crc32 = Some(Crc32::default()),
            ChecksumAlgorithm::CRC32C => hasher.crc32c = Some(Crc32c::default()),
            ChecksumAlgorithm::CRC64NVME => hasher.crc64nvme = Some(Crc64Nvme::default()),
            ChecksumAlgorithm::SHA1 => hasher.sha1 = Some(Sha1::default()),
            _ => hasher.sha256 = Some(Sha256::default()),
        }
    }
    Ok(hasher)
}

/// A checksum that was asked for but is neither in the head nor behind the body is only computed.
fn compare(expected: Expected, actual: &Checksum) -> S3Result<()> {
    let given = &expected.checksum;
    let trailers = expected.trailers.and_then(|trailers| trailers.take()).unwrap_or_default();
    let pairs = [
        ("x-amz-checksum-crc32", &given.checksum_crc32, &actual.checksum_crc32),
        ("x-amz-checksum-crc32c", &given.checksum_crc32c, &actual.checksum_crc32c),
        ("x-amz-checksum-crc64nvme", &given.checksum_crc64nvme, &actual.checksum_crc64nvme),
        ("x-amz-checksum-sha1", &given.checksum_sha1, &actual.checksum_sha1),
        ("x-amz-checksum-sha256", &given.checksum_sha256, &actual.checksum_sha256),
    ];
    for (header, given, actual) in pairs {
        let trailer = trailers.get(header).and_then(|value| value.to_str().ok());
        if let (Some(given), Some(actual)) = (given.as_deref().or(trailer), actual)
            && given != actual
        {
            return Err(s3_error!(BadDigest, "{header} is not that of the body"));
        }
    }
    Ok(())
}

/// Returns a part of a file as a stream; a thread reads ahead of the client.
pub(super) fn send(mut file: File, start: u64, length: u64) -> StreamingBlob {
    let (sender, receiver) = tokio::sync::mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = file.seek(SeekFrom::Start(start)) {
            // Whoever hung up needs no answer.
            let _ = sender.blocking_send(Err(error));
            return;
        }
        let mut left = length;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let mut chunk = vec![0; wanted];
            let read = file.read_exact(&mut chunk).map(|()| Bytes::from(chunk));
            left -= wanted as u64;
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    StreamingBlob::wrap(tokio_stream::wrappers::ReceiverStream::new(receiver))
}
