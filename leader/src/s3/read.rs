//! GET and HEAD: what a request asks for, whether it is to be answered, and what is said of the object.

use std::{
    fs::{File, Metadata},
    ops,
};

use s3s::{
    S3Result,
    dto::{ETag, ETagCondition, Range, Timestamp},
    s3_error,
};

use super::{
    folder::{Folder, etag, io_error, matches},
    metadata::ObjectMetadata,
};

/// The conditions of a read.
#[derive(Debug, Default)]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// An object that may be read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    /// The bytes that are asked for.
    pub(super) range: ops::Range<u64>,
    /// What `Content-Range` says, if not all bytes are asked for.
    pub(super) content_range: Option<String>,
    pub(super) etag: ETag,
    pub(super) modified: Timestamp,
    pub(super) metadata: ObjectMetadata,
}

/// Takes the conditions out of a request.
macro_rules! conditions_of {
    ($input:ident) => {
        $crate::s3::read::ReadConditions {
            if_match: $input.if_match.take(),
            if_none_match: $input.if_none_match.take(),
            if_modified_since: $input.if_modified_since.take(),
            if_unmodified_since: $input.if_unmodified_since.take(),
        }
    };
}
pub(super) use conditions_of;

/// Makes the answer of GET or HEAD, all but the body.
macro_rules! head_of {
    ($output:ident, $found:ident) => {
        $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: $found.metadata.cache_control,
            content_disposition: $found.metadata.content_disposition,
            content_encoding: $found.metadata.content_encoding,
            content_language: $found.metadata.content_language,
            content_length: i64::try_from($found.range.end - $found.range.start).ok(),
            content_range: $found.content_range,
            content_type: $found.metadata.content_type,
            e_tag: Some($found.etag),
            last_modified: Some($found.modified),
            metadata: Some($found.metadata.user),
            ..Default::default()
        }
    };
}
pub(super) use head_of;

/// Finds an object, and the part of it that is asked for.
pub(super) fn find(
    folder: &Folder,
    (bucket, key): (&str, &str),
    conditions: &ReadConditions,
    range: Option<Range>,
) -> S3Result<Found> {
    let (file, attributes) = folder.open_object(bucket, key)?;
    let (etag, modified) = conditions.check(&attributes)?;
    let metadata = folder.metadata_of(&etag)?;
    let size = attributes.len();
    let (range, content_range) = match range {
        None => (0..size, None),
        Some(range) => {
            let range = range.check(size)?;
            if range.is_empty() {
                // The last bytes of an object that has none.
                return Err(s3_error!(InvalidRange, "The object is empty."));
            }
            let content = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            (range, Some(content))
        }
    };
    Ok(Found { file, range, content_range, etag, modified, metadata })
}

impl ReadConditions {
    /// The conditions on the ETag win over those on the time.
    pub(super) fn check(&self, attributes: &Metadata) -> S3Result<(ETag, Timestamp)> {
        let etag = etag(attributes);
        let modified = modified(attributes)?;
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, &etag) => {
                return Err(s3_error!(PreconditionFailed));
            }
            (None, Some(since)) if modified > *since => return Err(s3_error!(PreconditionFailed)),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, &etag) => Err(s3_error!(NotModified)),
            (None, Some(since)) if modified <= *since => Err(s3_error!(NotModified)),
            _ => Ok((etag, modified)),
        }
    }
}

/// HTTP knows whole seconds.
pub(super) fn modified(attributes: &Metadata) -> S3Result<Timestamp> {
    let modified = attributes.modified().map_err(io_error)?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = std::time::Duration::from_secs(since.as_secs());
    Ok(Timestamp::from(std::time::UNIX_EPOCH + seconds))
}
