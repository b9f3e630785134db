//! A share of a load: what a node of a cluster is told that reads some of its files.

use std::{collections::BTreeMap, fmt, sync::Arc};

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{CopyError, CopyFile, CopyOptions, CopyRows, CopyTarget, LoadLog, source::Buckets};
use crate::access::{S3Access, S3Profile};

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
}

impl fmt::Debug for CopyShare {
    /// Prints no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyShare").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl CopyShare {
    /// Deals the files of a load out to at most `count` nodes, so that all have about as many bytes; no share is
    /// without a file.
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
        let shares = dealt(files, count).into_iter().map(|files| Self {
            options: options.clone(),
            target: target.clone(),
            access: access.clone(),
            files: files.into_iter().map(NamedFile::of).collect(),
        });
        Ok(shares.collect())
    }

    /// Returns the URLs of the files.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.url.as_str())
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
            let (url, bytes) = (file.url.clone(), file.bytes);
            Ok(CopyFile { url, store: bucket.store, path, bytes, location: bucket.location })
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
        }
    }
}

/// Gives each file, the largest first, to whom has the fewest bytes; each has its files in the order of all.
pub(super) fn dealt(files: &[CopyFile], count: usize) -> Vec<Vec<&CopyFile>> {
    let count = count.min(files.len()).max(1);
    let mut largest_first: Vec<usize> = (0..files.len()).collect();
    largest_first.sort_by_key(|file| std::cmp::Reverse(files[*file].bytes));
    let mut shares: Vec<(u64, Vec<usize>)> = vec![Default::default(); count];
    for file in largest_first {
        // Of empty files one counts like another: each of them is a request.
        if let Some((bytes, share)) = shares.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += files[file].bytes.max(1);
            share.push(file);
        }
    }
    let in_order = |(_, mut share): (u64, Vec<usize>)| {
        share.sort_unstable();
        share.into_iter().map(|file| &files[file]).collect::<Vec<_>>()
    };
    shares.into_iter().map(in_order).filter(|share| !share.is_empty()).collect()
}
