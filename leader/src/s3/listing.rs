//! Listing a bucket: in the order of keys, a page at a time.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use s3s::{
    S3Result,
    dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp},
};

use super::folder::{Folder, etag, io_error, is_absent};

/// How many keys a page has at most, as in S3.
const PAGE_MAX: i32 = 1000;

/// What a listing shows: an object, or the common prefix of several.
enum Entry {
    Object(Box<Object>),
    Prefix(CommonPrefix),
}

/// Returns a page of a bucket's objects.
pub(super) fn list(folder: &Folder, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let bucket = folder.bucket(&input.bucket)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let keys = keys(&bucket, &prefix).map_err(io_error)?;
    let page_size = input.max_keys.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    let after = input.continuation_token.clone().max(input.start_after.clone());
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let (entries, next) =
        page(&bucket, keys, &prefix, delimiter, after.as_deref(), page_size).map_err(io_error)?;
    let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Object(object) => contents.push(*object),
            Entry::Prefix(prefix) => prefixes.push(prefix),
        }
    }
    Ok(ListObjectsV2Output {
        key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
        max_keys: Some(page_size),
        is_truncated: Some(next.is_some()),
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        continuation_token: input.continuation_token,
        next_continuation_token: next,
        delimiter: input.delimiter,
        name: Some(input.bucket),
        prefix: input.prefix,
        start_after: input.start_after,
        ..Default::default()
    })
}

/// Returns the keys from `after` on that fit a page, and where the next one starts.
fn page(
    bucket: &Path,
    keys: Vec<String>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&str>,
    page_size: i32,
) -> io::Result<(Vec<Entry>, Option<String>)> {
    let page_size = usize::try_from(page_size).unwrap_or(0);
    let mut entries = Vec::new();
    let mut last: Option<String> = None;
    for key in keys {
        let name = shown(&key, prefix, delimiter);
        if after.is_some_and(|after| name <= after) || last.as_deref() == Some(name) {
            continue;
        }
        if entries.len() == page_size {
            // An empty page ends the listing: it would never get further.
            return Ok((entries, last));
        }
        if name.len() < key.len() {
            entries.push(Entry::Prefix(CommonPrefix { prefix: Some(name.to_owned()) }));
        } else if let Some(object) = object(bucket, &key)? {
            entries.push(Entry::Object(Box::new(object)));
        } else {
            continue;
        }
        last = Some(name.to_owned());
    }
    Ok((entries, None))
}

/// Returns the key, or its part up to the first delimiter after the prefix.
fn shown<'a>(key: &'a str, prefix: &str, delimiter: Option<&str>) -> &'a str {
    let rest = key.get(prefix.len()..).unwrap_or_default();
    match delimiter.and_then(|delimiter| rest.find(delimiter).map(|at| at + delimiter.len())) {
        Some(end) => key.get(..prefix.len() + end).unwrap_or(key),
        None => key,
    }
}

/// Returns an object as a listing shows it; none if it was deleted since.
fn object(bucket: &Path, key: &str) -> io::Result<Option<Object>> {
    let metadata = match fs::metadata(bucket.join(key)) {
        Err(error) if is_absent(&error) => return Ok(None),
        metadata => metadata?,
    };
    Ok(Some(Object {
        key: Some(key.to_owned()),
        size: i64::try_from(metadata.len()).ok(),
        last_modified: Some(Timestamp::from(metadata.modified()?)),
        e_tag: Some(etag(&metadata)),
        ..Default::default()
    }))
}

/// Returns all keys with the prefix, in order.
fn keys(bucket: &Path, prefix: &str) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    // Only folders that the prefix leads to or through are read.
    let start = prefix.rfind('/').map_or("", |slash| &prefix[..slash]);
    let escapes = start.split('/').any(|part| matches!(part, "." | ".."))
        || (!start.is_empty() && start.split('/').any(str::is_empty));
    if escapes {
        return Ok(keys);
    }
    let mut folders: Vec<(PathBuf, String)> = vec![(bucket.join(start), start.to_owned())];
    while let Some((path, name)) = folders.pop() {
        let entries = match fs::read_dir(path) {
            Err(error) if is_absent(&error) => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // Keys are UTF-8; a file that is not so named cannot be asked for.
            let Ok(file_name) = entry.file_name().into_string() else { continue };
            let key = if name.is_empty() { file_name } else { format!("{name}/{file_name}") };
            let wanted = key.starts_with(prefix);
            // What a symbolic link leads to counts.
            let metadata = match fs::metadata(entry.path()) {
                Err(error) if is_absent(&error) => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                if wanted || prefix.starts_with(&format!("{key}/")) {
                    folders.push((entry.path(), key));
                }
            } else if wanted && metadata.is_file() {
                keys.push(key);
            }
        }
    }
    keys.sort_unstable();
    Ok(keys)
}
