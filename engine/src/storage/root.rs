//! The storage root: the one place where everything durable is.

use std::{
    fs::{self, File, TryLockError},
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, aws::AmazonS3Builder, path::Path,
};
use vortex::io::{VortexReadAt, session::RuntimeSessionExt, std_file::FileReadAt};

use super::{
    StorageError,
    delete_vector::DeleteVector,
    durable::{DurableDirectory, sync_directory},
    format::{read_zone_map, session},
    object_cache::ObjectCache,
    page_cache::{CachedRun, PageCache},
    paths::{ObjectPath, ObjectPrefix, RunPath},
    segment_cache::{CachedFile, SegmentCache},
    segment_checksums::SegmentChecksums,
    verified_run::VerifiedRun,
    zones::ZoneMap,
};
use crate::{access::S3Profile, ids::DeleteVectorId};

/// The name of the file whose lock keeps a second process out of a directory.
const LOCK_FILE: &str = ".lock";

/// How often a put is repeated whose reply is lost.
const LOST_PUTS_MAX: u32 = 4;
/// After this time a put is not repeated: the client of S3 has asked again and again by itself.
const LOST_PUT_TIME_MAX: Duration = Duration::from_secs(30);
/// How long the first repetition waits; each next one twice as long.
const LOST_PUT_WAIT: Duration = Duration::from_millis(100);

/// The memory zone maps may take.
const ZONE_MAP_BYTES_MAX: usize = 64 << 20;
/// The memory checksums of runs' segments may take.
const CHECKSUM_BYTES_MAX: usize = 16 << 20;
/// The memory delete vectors may take.
const DELETE_VECTOR_BYTES_MAX: usize = 64 << 20;

/// Managed storage: an object store and a prefix in it.
#[derive(Debug)]
pub struct ManagedStorage {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    zone_maps: ObjectCache<ZoneMap>,
    delete_vectors: ObjectCache<DeleteVector>,
    checksums: Arc<ObjectCache<SegmentChecksums>>,
    cache: RunCache,
    /// Closing it gives the directory free.
    lock: Option<File>,
}

/// Pieces of runs in memory.
#[derive(Debug)]
enum RunCache {
    /// The objects are files in this directory.
    Files {
        directory: PathBuf,
        segments: Arc<SegmentCache>,
    },
    Objects(Arc<PageCache>),
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Its name.
    pub path: ObjectPath,
    /// Its size.
    pub bytes: u64,
    /// When it was written: microseconds since 1970, UTC.
    pub modified_at_us: i64,
}

impl ManagedStorage {
    /// Opens the root: a directory, `file:///directory` or `s3://bucket/prefix`.
    ///
    /// A directory is created when it is absent, and locked: a second process gets
    /// [`StorageError::Locked`]. `s3` says how to reach the bucket, `cache_bytes_max` how much of what
    /// is read stays in memory.
    pub fn open(
        root: &str,
        s3: &S3Profile,
        cache_bytes_max: usize,
    ) -> Result<Arc<Self>, StorageError> {
        match directory_of(root)? {
            None => Self::open_s3(root, s3, cache_bytes_max),
            Some(directory) => Self::open_directory(&directory, cache_bytes_max),
        }
    }

    /// Opens a root that another process has: nobody is locked out, and a directory must be there.
    pub fn open_shared(
        root: &str,
        s3: &S3Profile,
        cache_bytes_max: usize,
    ) -> Result<Arc<Self>, StorageError> {
        let Some(directory) = directory_of(root)? else {
            return Self::open_s3(root, s3, cache_bytes_max);
        };
        if !directory.is_dir() {
            return Err(invalid(root, "there is no such folder"));
        }
        Self::in_directory(&directory, None, cache_bytes_max)
    }

    fn open_directory(
        directory: &FilePath,
        cache_bytes_max: usize,
    ) -> Result<Arc<Self>, StorageError> {
        let name = directory.display().to_string();
        let failed = |error: std::io::Error| StorageError::from_io(&name, &error);
        if !directory.is_dir() {
            fs::create_dir_all(directory).map_err(failed)?;
            if let Some(parent) = directory.canonicalize().map_err(failed)?.parent() {
                sync_directory(parent).map_err(failed)?;
            }
        }
        if holds_something_else(directory).map_err(failed)? {
            let reason = "it holds files but no warehouse: name an empty folder, or a new one";
            return Err(invalid(&name, reason));
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK_FILE))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StorageError::Locked { root: name }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Self::in_directory(directory, Some(lock), cache_bytes_max)
    }

    fn in_directory(
        directory: &FilePath,
        lock: Option<File>,
        cache_bytes_max: usize,
    ) -> Result<Arc<Self>, StorageError> {
        let store = DurableDirectory::open(directory)
            .map_err(|error| StorageError::from_io(&directory.display().to_string(), &error))?;
        Ok(Arc::new(Self {
            cache: RunCache::Files {
                directory: store.root().to_owned(),
                segments: Arc::new(SegmentCache::new(cache_bytes_max as u64)),
            },
            store: Arc::new(store),
            prefix: Path::default(),
            zone_maps: ObjectCache::new(ZONE_MAP_BYTES_MAX),
            delete_vectors: ObjectCache::new(DELETE_VECTOR_BYTES_MAX),
            checksums: Arc::new(ObjectCache::new(CHECKSUM_BYTES_MAX)),
            lock,
        }))
    }

    fn open_s3(
        root: &str,
        s3: &S3Profile,
        cache_bytes_max: usize,
    ) -> Result<Arc<Self>, StorageError> {
        let url = url::Url::parse(root).map_err(|error| invalid(root, &error.to_string()))?;
        let bucket = url.host_str().ok_or_else(|| invalid(root, "it names no bucket"))?;
        let prefix =
            Path::from_url_path(url.path()).map_err(|error| invalid(root, &error.to_string()))?;
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_region(s3.region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(!s3.path_style.unwrap_or(s3.endpoint.is_some()));
        if let Some(endpoint) = &s3.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(true);
        }
        if let Some(key) = &s3.access_key_id {
            builder = builder.with_access_key_id(key);
        }
        if let Some(secret) = &s3.secret_access_key {
            builder = builder.with_secret_access_key(secret);
        }
        if let Some(token) = &s3.session_token {
            builder = builder.with_token(token);
        }
        let store = builder.build().map_err(|error| StorageError::from_store(root, &error))?;
        Ok(Self::with_store(Arc::new(store), prefix, cache_bytes_max))
    }

    /// Returns the storage in `prefix` of any object store; nobody is locked out of it.
    pub fn with_store(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        cache_bytes_max: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            prefix,
            zone_maps: ObjectCache::new(ZONE_MAP_BYTES_MAX),
            delete_vectors: ObjectCache::new(DELETE_VECTOR_BYTES_MAX),
            checksums: Arc::new(ObjectCache::new(CHECKSUM_BYTES_MAX)),
            cache: RunCache::Objects(Arc::new(PageCache::new(cache_bytes_max))),
            lock: None,
        })
    }

    /// Writes an object unless there is one of this name; returns whether it was written.
    ///
    /// On return the object is durable. Of writers that race one at most is told `true`: who is told `false`
    /// may have written it all the same, if a reply was lost.
    pub async fn put_if_absent(
        &self,
        path: &ObjectPath,
        bytes: Bytes,
    ) -> Result<bool, StorageError> {
        let location = self.location(path);
        let (start, mut lost) = (tokio::time::Instant::now(), 0);
        loop {
            let payload = PutPayload::from_bytes(bytes.clone());
            let options = PutOptions::from(PutMode::Create);
            match self.store.put_opts(&location, payload, options).await {
                Ok(_) => return Ok(true),
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. },
                ) => return Ok(false),
                // The client of S3 repeats no such request by itself when its reply is lost.
                Err(object_store::Error::Generic { .. })
                    if lost < LOST_PUTS_MAX
                        && start.elapsed() < LOST_PUT_TIME_MAX
                        && !self.is_locked() =>
                {
                    tokio::time::sleep(LOST_PUT_WAIT * 2_u32.pow(lost)).await;
                    lost += 1;
                }
                Err(error) => return Err(StorageError::from_store(&path.to_string(), &error)),
            }
        }
    }

    /// Returns whether there is an object of this name.
    pub async fn exists(&self, path: &ObjectPath) -> Result<bool, StorageError> {
        match self.store.head(&self.location(path)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StorageError::from_store(&path.to_string(), &error)),
        }
    }

    /// Returns whether every other process is locked out.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Reads an object.
    pub async fn get(&self, path: &ObjectPath) -> Result<Bytes, StorageError> {
        let failed = |error| StorageError::from_store(&path.to_string(), &error);
        self.store.get(&self.location(path)).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// Lists the objects of a part of the name space, by name.
    ///
    /// What is not an object of managed storage is left out.
    pub async fn list(&self, prefix: ObjectPrefix) -> Result<Vec<ObjectEntry>, StorageError> {
        let name = prefix.to_string();
        let root = name
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.prefix.clone(), |path, part| path.join(part));
        let metas = self
            .store
            .list(Some(&root))
            .try_collect::<Vec<_>>()
            .await
            .map_err(|error| StorageError::from_store(&name, &error))?;
        let mut entries = metas
            .into_iter()
            .filter_map(|meta| {
                Some(ObjectEntry {
                    path: self.parse(&meta.location)?,
                    bytes: meta.size,
                    modified_at_us: meta.last_modified.timestamp_micros(),
                })
            })
            .collect::<Vec<_>>();
        entries.sort_by_cached_key(|entry| entry.path.to_string());
        Ok(entries)
    }

    /// Deletes an object; one that is already gone is no error.
    pub async fn delete(&self, path: &ObjectPath) -> Result<(), StorageError> {
        match self.store.delete(&self.location(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StorageError::from_store(&path.to_string(), &error)),
        }
    }

    /// Returns the store that holds the objects.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Returns the name of an object within [`ManagedStorage::store`].
    pub fn location(&self, path: &ObjectPath) -> Path {
        path.to_string().split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Returns what reads the run at `location`, an object of `bytes` bytes, and fails where it is damaged.
    ///
    /// What is read once and then never again (`is_last`) takes nobody's place in memory.
    pub fn run_reader(
        &self,
        location: &Path,
        bytes: u64,
        is_last: bool,
    ) -> Result<Arc<dyn VortexReadAt>, StorageError> {
        let verified = |run| Arc::new(VerifiedRun::new(run, location, bytes, &self.checksums));
        let (directory, segments) = match &self.cache {
            RunCache::Files { directory, segments } => (directory, segments),
            RunCache::Objects(pages) => {
                let (store, pages) = (Arc::clone(&self.store), Arc::clone(pages));
                let run = CachedRun::new(store, pages, location.clone(), bytes);
                return Ok(verified(Arc::new(run)));
            }
        };
        let file = directory.join(location.as_ref());
        // Opened here for its error: the reader's own does not tell a missing file apart.
        let failed = |error| StorageError::from_io(location.as_ref(), &error);
        fs::metadata(&file).map_err(failed)?;
        let reader = FileReadAt::open(&file, session().handle())
            .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        let reader = verified(Arc::new(reader));
        if is_last {
            return Ok(reader);
        }
        Ok(Arc::new(CachedFile::new(reader, Arc::clone(segments), location)))
    }

    /// Returns the zone map of the run at `location`, an object of `bytes` bytes.
    pub async fn zone_map(
        &self,
        location: &Path,
        bytes: u64,
    ) -> Result<Arc<ZoneMap>, StorageError> {
        if let Some(zones) = self.zone_maps.get(location) {
            return Ok(zones);
        }
        let reader = self.run_reader(location, bytes, false)?;
        let zones = Arc::new(read_zone_map(reader, location, bytes).await?);
        self.zone_maps.insert(location.clone(), Arc::clone(&zones), zones.memory_bytes());
        Ok(zones)
    }

    /// Returns a delete vector.
    pub async fn delete_vector(
        &self,
        run: RunPath,
        id: DeleteVectorId,
    ) -> Result<Arc<DeleteVector>, StorageError> {
        let path = ObjectPath::DeleteVector(run, id);
        let location = self.location(&path);
        if let Some(vector) = self.delete_vectors.get(&location) {
            return Ok(vector);
        }
        let bytes = self.get(&path).await?;
        let vector = DeleteVector::decode(&bytes).map_err(|message| StorageError::Corrupt {
            path: path.to_string(),
            message: message.to_owned(),
        })?;
        let vector = Arc::new(vector);
        self.delete_vectors.insert(location, Arc::clone(&vector), bytes.len());
        Ok(vector)
    }

    /// Writes a delete vector. On return it is durable; it becomes visible with a commit.
    pub async fn put_delete_vector(
        &self,
        run: RunPath,
        id: DeleteVectorId,
        vector: DeleteVector,
    ) -> Result<(), StorageError> {
        let path = ObjectPath::DeleteVector(run, id);
        let bytes = vector.encode();
        let size = bytes.len();
        // One that is there already is this one, after a lost reply: nobody else has its name.
        self.put_if_absent(&path, bytes).await?;
        self.delete_vectors.insert(self.location(&path), Arc::new(vector), size);
        Ok(())
    }

    fn parse(&self, location: &Path) -> Option<ObjectPath> {
        let parts = location.prefix_match(&self.prefix)?;
        let parts = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>();
        parts.join("/").parse().ok()
    }
}

/// Returns whether a directory is neither a warehouse, nor empty. What a first start leaves behind that
/// was killed is as good as empty.
fn holds_something_else(directory: &FilePath) -> std::io::Result<bool> {
    let cluster = ObjectPath::Cluster.to_string();
    if directory.join(&cluster).exists() {
        return Ok(false);
    }
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let is_ours = [LOCK_FILE, "tls", "log", "table", "lost+found"].contains(&&*name);
        if !is_ours && !name.starts_with(&cluster) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the folder that a root is; `None` of one in S3.
fn directory_of(root: &str) -> Result<Option<PathBuf>, StorageError> {
    if root.starts_with("s3://") {
        return Ok(None);
    }
    let directory = match root.strip_prefix("file://") {
        Some(_) => url::Url::parse(root)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .filter(|path| path.parent().is_some())
            .ok_or_else(|| invalid(root, "a file:// URL needs the absolute path of a directory"))?,
        None if root.is_empty() => return Err(invalid(root, "it is empty")),
        None if root.contains("://") => return Err(invalid(root, "unknown scheme")),
        None => PathBuf::from(root),
    };
    Ok(Some(directory))
}

fn invalid(root: &str, message: &str) -> StorageError {
    StorageError::InvalidRoot { root: root.to_owned(), message: message.to_owned() }
}
