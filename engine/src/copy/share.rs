//! A share of a load: what a node of a cluster is told that reads some of its files.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{CopyError, CopyFile, CopyOptions, CopyRows, CopyTarget, LoadLog, source::Buckets};
use crate::{
    access::{S3Access, S3Profile},
    sql::copy::FileFormat,
};

/// Some files of a load, and how to read them.
///
/// It holds the keys to the files: it is sent to a node and kept nowhere.
#[derive(Clone, Serialize, Deserialize)]
pub struct CopyShare {
    options: CopyOptions,
    target: CopyTarget,
    access: S3Profile,
    files: Vec<NamedFile>,
}

/// A file, without the store it is in.
#[derive(Clone, Serialize, Deserialize)]
struct NamedFile {
    url: String,
    bucket: String,
    path: String,
    bytes: u64,
    range: Range<u64>,
}

/// A file is divided if each part has so many bytes at least.
const PART_BYTES_MIN: u64 = 8 << 20;
/// The parts of a file that has all bytes of a load, for each node: with several files, nodes get about as much.
const PARTS_EACH: u64 = 2;
/// A header of so many rows, of a file that is divided, ends in the first part; [`super::part`] makes sure of it.
const HEADER_ROWS_MAX: u64 = 100;

impl fmt::Debug for CopyShare {
    /// Prints no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyShare").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl CopyShare {
    /// Deals the files of a load, large ones in parts, out to at most `count` nodes, so that all have about as many
    /// bytes; no share is without a file.
    ///
    /// Errors: a role that has no profile.
    pub fn deal(
        files: &[CopyFile],
        options: &CopyOptions,
        target: &CopyTarget,
        access: &S3Access,
        count: usize,
    ) -> Result<Vec<Self>, CopyError> {
        let access = access.resolved(&options.authorization)?;
        let bytes = files.iter().map(|file| file.bytes).sum::<u64>();
        let even = (bytes / (count.max(1) as u64 * PARTS_EACH)).max(PART_BYTES_MIN);
        let parts: Vec<CopyFile> =
            files.iter().flat_map(|file| divided(file, options, even)).collect();
        let shares = dealt(&parts, count).into_iter().map(|files| Self {
            options: options.clone(),
            target: target.clone(),
            access: access.clone(),
            files: files.into_iter().map(NamedFile::of).collect(),
        });
        Ok(shares.collect())
    }

    /// Returns the files by their URLs, and where what is read of each begins.
    pub fn parts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files.iter().map(|file| (file.url.as_str(), file.range.start))
    }

    /// Returns the parameters of the statement, without its credentials.
    pub fn options(&self) -> &CopyOptions {
        &self.options
    }

    /// Returns the rows of the files as streams that share the work; see [`super::read`].
    pub fn read(
        &self,
        log: &Arc<LoadLog>,
        stream_count: usize,
    ) -> Result<Vec<CopyRows>, CopyError> {
        let options = Arc::new(self.options.clone());
        let target = Arc::new(self.target.clone());
        Ok(super::read(self.files()?, options, target, Arc::clone(log), stream_count))
    }

    fn files(&self) -> Result<Vec<CopyFile>, CopyError> {
        let access = S3Access { default: self.access.clone(), ..S3Access::default() };
        let mut buckets =
            Buckets { options: &self.options, access: &access, open: BTreeMap::new() };
        let files = self.files.iter().map(|file| {
            let bucket = buckets.open(&file.bucket)?;
            let path =
                Path::parse(&file.path).map_err(|error| CopyError::file(&file.url, error))?;
            let (url, bytes, range) = (file.url.clone(), file.bytes, file.range.clone());
            let (store, location) = (bucket.store, bucket.location);
            Ok(CopyFile { url, store, path, bytes, range, location })
        });
        files.collect()
    }
}

impl NamedFile {
    fn of(file: &CopyFile) -> Self {
        Self {
            url: file.url.clone(),
            bucket: file.location.bucket.clone(),
            path: file.path.to_string(),
            bytes: file.bytes,
            range: file.range.clone(),
        }
    }
}

/// Returns a file in parts of about so many bytes, if it can be read in parts that know nothing of each other: a line end of
/// a text without ESCAPE is the end of a record, one of a CSV may lie between quotes. A Parquet file has row groups.
pub(super) fn divided(file: &CopyFile, options: &CopyOptions, part_bytes: u64) -> Vec<CopyFile> {
    let has_parts = match options.format {
        FileFormat::Parquet => true,
        FileFormat::Csv => false,
        FileFormat::Text => {
            !options.gzip && !options.escape && options.header_rows <= HEADER_ROWS_MAX
        }
    };
    let count = if has_parts { (file.bytes / part_bytes.max(1)).max(1) } else { 1 };
    let begin = |number| file.bytes * number / count;
    let part = |number| CopyFile { range: begin(number)..begin(number + 1), ..file.clone() };
    (0..count).map(part).collect()
}

/// Gives each file, the largest first, to whom has the fewest bytes; each has its files in the order of all.
pub(super) fn dealt(files: &[CopyFile], count: usize) -> Vec<Vec<&CopyFile>> {
    let count = count.min(files.len()).max(1);
    let mut largest_first: Vec<usize> = (0..files.len()).collect();
    let length = |file: &CopyFile| file.range.end - file.range.start;
    largest_first.sort_by_key(|file| std::cmp::Reverse(length(&files[*file])));
    let mut shares: Vec<(u64, Vec<usize>)> = vec![Default::default(); count];
    for file in largest_first {
        // Of empty files one counts like another: each of them is a request.
        if let Some((bytes, share)) = shares.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += length(&files[file]).max(1);
            share.push(file);
        }
    }
    let in_order = |(_, mut share): (u64, Vec<usize>)| {
        share.sort_unstable();
        share.into_iter().map(|file| &files[file]).collect::<Vec<_>>()
    };
    shares.into_iter().map(in_order).filter(|share| !share.is_empty()).collect()
}
