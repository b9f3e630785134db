//! From a prefix or a manifest to the files to load.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::{CopyError, CopyOptions, copy_manifest::CopyManifest, options::split_url};
use crate::access::{AccessError, S3Access};

/// A file to load.
#[derive(Debug, Clone)]
pub struct CopyFile {
    /// `s3://bucket/key`.
    pub url: String,
    /// Where it is.
    pub store: Arc<dyn ObjectStore>,
    /// Its key.
    pub path: Path,
    /// Its size.
    pub bytes: u64,
    /// The bytes that are read here: all, or, if nodes share the file, a part of them; see [`super::part`].
    pub range: Range<u64>,
    /// The bucket and the endpoint, for errors.
    pub location: Arc<Location>,
}

impl CopyFile {
    /// Returns where the part begins that is read here; `None` if that is all of the file.
    pub(super) fn offset(&self) -> Option<u64> {
        (self.range != (0..self.bytes)).then_some(self.range.start)
    }
}

/// A bucket at an endpoint.
#[derive(Debug, Clone)]
pub struct Location {
    /// The endpoint, as errors name it.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
}

impl Location {
    /// Says where a request failed.
    pub(super) fn error(&self, error: object_store::Error) -> CopyError {
        AccessError::request(&self.endpoint, &self.bucket, error).into()
    }
}

/// Returns the files of a statement, sorted by key; a manifest's in its own order.
pub async fn list(options: &CopyOptions, access: &S3Access) -> Result<Vec<CopyFile>, CopyError> {
    Buckets { options, access, open: BTreeMap::new() }.list().await
}

/// An opened bucket.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) location: Arc<Location>,
}

/// The buckets of a statement: a manifest may name several.
pub(super) struct Buckets<'a> {
    pub(super) options: &'a CopyOptions,
    pub(super) access: &'a S3Access,
    pub(super) open: BTreeMap<String, Bucket>,
}

impl Buckets<'_> {
    /// Returns the files of the statement.
    pub(super) async fn list(&mut self) -> Result<Vec<CopyFile>, CopyError> {
        let bucket = self.open(&self.options.bucket)?;
        if self.options.manifest {
            let manifest = read_manifest(&bucket, self.options).await?;
            return list_manifest(self, manifest).await;
        }
        list_prefix(&bucket, &self.options.prefix).await
    }

    /// Returns a bucket; the first request, not this, finds out whether it is there.
    pub(super) fn open(&mut self, name: &str) -> Result<Bucket, CopyError> {
        if let Some(bucket) = self.open.get(name) {
            return Ok(bucket.clone());
        }
        let authorization = &self.options.authorization;
        let region = self.options.region.as_deref();
        let endpoint = self.access.endpoint_name(authorization);
        let bucket = Bucket {
            store: self.access.object_store(name, authorization, region)?,
            location: Arc::new(Location { endpoint, bucket: name.to_owned() }),
        };
        self.open.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }
}

/// Lists every object whose key starts with the prefix: `a/b` finds `a/bc` too.
pub(super) async fn list_prefix(bucket: &Bucket, prefix: &str) -> Result<Vec<CopyFile>, CopyError> {
    // A store lists whole path segments, so the last one is filtered here.
    let parent = prefix.rsplit_once('/').map(|(parent, _)| Path::from(parent));
    let listed: Result<Vec<_>, _> = bucket.store.list(parent.as_ref()).try_collect().await;
    let objects = match listed {
        Ok(objects) => objects,
        Err(error) => {
            let probe = bucket.store.head(&Path::from("copy")).await.err();
            let Location { endpoint, bucket } = bucket.location.as_ref();
            return Err(AccessError::listing(endpoint, bucket, error, probe).into());
        }
    };
    let mut files: Vec<CopyFile> = objects
        .into_iter()
        .filter(|object| object.location.as_ref().starts_with(prefix))
        .map(|object| CopyFile {
            url: format!("s3://{}/{}", bucket.location.bucket, object.location),
            store: Arc::clone(&bucket.store),
            path: object.location,
            bytes: object.size,
            range: 0..object.size,
            location: Arc::clone(&bucket.location),
        })
        .collect();
    if files.is_empty() {
        return Err(CopyError::NoSuchPrefix { prefix: prefix.to_owned() });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

async fn read_manifest(bucket: &Bucket, options: &CopyOptions) -> Result<CopyManifest, CopyError> {
    let url = format!("s3://{}/{}", options.bucket, options.prefix);
    let path = Path::parse(&options.prefix).map_err(|error| CopyError::file(&url, error))?;
    let bytes = async { bucket.store.get(&path).await?.bytes().await };
    let bytes = match bytes.await {
        Ok(bytes) => bytes,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(CopyError::NoSuchPrefix { prefix: options.prefix.clone() });
        }
        Err(error) => return Err(bucket.location.error(error)),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| CopyError::Manifest { url, reason: error.to_string() })
}

async fn list_manifest(
    buckets: &mut Buckets<'_>,
    manifest: CopyManifest,
) -> Result<Vec<CopyFile>, CopyError> {
    let mut files = Vec::new();
    for entry in manifest.entries {
        let (bucket, key) =
            split_url(&entry.url).filter(|(_, key)| !key.is_empty()).ok_or_else(|| {
                CopyError::Manifest {
                    url: entry.url.clone(),
                    reason: "an entry needs a full s3://bucket/key".to_owned(),
                }
            })?;
        let bucket = buckets.open(bucket)?;
        let path = Path::parse(key).map_err(|error| CopyError::file(&entry.url, error))?;
        let object = match bucket.store.head(&path).await {
            Ok(object) => object,
            Err(object_store::Error::NotFound { .. }) if !entry.mandatory => continue,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(CopyError::MandatoryFileMissing { url: entry.url });
            }
            Err(error) => return Err(bucket.location.error(error)),
        };
        if let Some(expected) = entry.meta.and_then(|meta| meta.content_length)
            && expected != object.size
        {
            return Err(CopyError::ContentLength { url: entry.url, expected, found: object.size });
        }
        files.push(CopyFile {
            url: entry.url,
            store: bucket.store,
            path,
            bytes: object.size,
            range: 0..object.size,
            location: bucket.location,
        });
    }
    Ok(files)
}
