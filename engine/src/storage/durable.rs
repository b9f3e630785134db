//! A directory as an object store that survives a power cut.
//!
//! `object_store`'s local store gives atomic names but never calls fsync. Here an object is
//! written to a temporary name, fsynced, given its name, and the directory is fsynced; only then
//! is it reported as written. Reads and listings are the local store's.

use std::{
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart, local::LocalFileSystem, path::Path,
};
use parking_lot::Mutex;

use super::paths::{ObjectPath, ObjectPrefix};

const STORE: &str = "DurableDirectory";

/// A directory whose objects are on disk once they are reported as written.
#[derive(Debug)]
pub(crate) struct DurableDirectory {
    local: LocalFileSystem,
    root: PathBuf,
}

impl std::fmt::Display for DurableDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{STORE}({})", self.root.display())
    }
}

impl DurableDirectory {
    /// Opens a directory that exists; removes what a killed writer left half-written.
    ///
    /// The caller holds the directory's lock: nobody else writes here.
    pub(crate) fn open(root: &FilePath) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let local = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        remove_temporary_files(&root, &root)?;
        for prefix in
            [ObjectPrefix::Epochs, ObjectPrefix::Log, ObjectPrefix::Tables, ObjectPrefix::Snapshots]
        {
            remove_temporary_files(&root, &root.join(prefix.to_string()))?;
        }
        Ok(Self { local, root })
    }

    pub(crate) fn root(&self) -> &FilePath {
        &self.root
    }

    fn file_path(&self, location: &Path) -> Result<PathBuf> {
        self.local.path_to_filesystem(location)
    }
}

#[async_trait]
impl ObjectStore for DurableDirectory {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "put with PutMode::Update".to_owned(),
                    implementer: STORE.to_owned(),
                });
            }
        };
        let target = self.file_path(location)?;
        let root = self.root.clone();
        blocking(move || {
            let mut file = TemporaryFile::create(&root, &target)?;
            for bytes in payload.iter() {
                file.write(bytes)?;
            }
            file.publish(create)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let target = self.file_path(location)?;
        let root = self.root.clone();
        let file = blocking(move || TemporaryFile::create(&root, &target)).await?;
        Ok(Box::new(DurableUpload { parts: Arc::new(Mutex::new(Parts::new(file))), next: 0 }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.local.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.local.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.local.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.local.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.local.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        // A copy would have to be fsynced as well; managed storage never copies.
        Err(Error::NotImplemented { operation: "copy".to_owned(), implementer: STORE.to_owned() })
    }
}

/// A streamed object: parts are written in their order, however they are polled.
#[derive(Debug)]
struct DurableUpload {
    parts: Arc<Mutex<Parts>>,
    next: usize,
}

#[derive(Debug)]
struct Parts {
    file: Option<TemporaryFile>,
    /// The number of the part that may be written now.
    due: usize,
    /// Parts that were polled before those in front of them.
    early: Vec<(usize, PutPayload)>,
}

impl Parts {
    fn new(file: TemporaryFile) -> Self {
        Self { file: Some(file), due: 0, early: Vec::new() }
    }

    fn add(&mut self, number: usize, payload: PutPayload) -> Result<()> {
        self.early.push((number, payload));
        while let Some(at) = self.early.iter().position(|(number, _)| *number == self.due) {
            let (_, payload) = self.early.swap_remove(at);
            let file = self.file.as_mut().ok_or_else(finished)?;
            for bytes in payload.iter() {
                file.write(bytes)?;
            }
            self.due += 1;
        }
        Ok(())
    }
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let number = self.next;
        self.next += 1;
        let parts = Arc::clone(&self.parts);
        blocking(move || parts.lock().add(number, data)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = Arc::clone(&self.parts);
        let count = self.next;
        blocking(move || {
            let mut parts = parts.lock();
            if parts.due != count {
                return Err(failed(io::Error::other("a part of the upload was not written")));
            }
            parts.file.take().ok_or_else(finished)?.publish(false)
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        let parts = Arc::clone(&self.parts);
        blocking(move || {
            drop(parts.lock().file.take());
            Ok(())
        })
        .await
    }
}

/// A file under a temporary name beside its final one; removed unless it is published.
///
/// The name ends in `#digits`, which the local store's listings leave out.
#[derive(Debug)]
struct TemporaryFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl TemporaryFile {
    fn create(root: &FilePath, target: &FilePath) -> Result<Self> {
        let parent = target.parent().unwrap_or(root);
        create_directory(root, parent).map_err(failed)?;
        let mut name = target.as_os_str().to_owned();
        name.push(format!("#{}", rand::random::<u64>()));
        let path = PathBuf::from(name);
        let file = File::create_new(&path).map_err(failed)?;
        Ok(Self { file, path, target: target.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(failed)
    }

    /// Makes the file durable and gives it its name; with `create`, only if the name is free.
    fn publish(self, create: bool) -> Result<PutResult> {
        self.file.sync_all().map_err(failed)?;
        if create {
            fs::hard_link(&self.path, &self.target).map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => Error::AlreadyExists {
                    path: self.target.display().to_string(),
                    source: Box::new(source),
                },
                _ => failed(source),
            })?;
            fs::remove_file(&self.path).map_err(failed)?;
        } else {
            fs::rename(&self.path, &self.target).map_err(failed)?;
        }
        if let Some(parent) = self.target.parent() {
            sync_directory(parent).map_err(failed)?;
        }
        Ok(PutResult { e_tag: None, version: None })
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // After publishing there is nothing under this name; otherwise it is litter.
        drop(fs::remove_file(&self.path));
    }
}

/// Creates a directory below `root`, each new level recorded durably in the one above it.
fn create_directory(root: &FilePath, directory: &FilePath) -> io::Result<()> {
    if directory == root || directory.is_dir() {
        return Ok(());
    }
    let Some(parent) = directory.parent() else { return Ok(()) };
    create_directory(root, parent)?;
    match fs::create_dir(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    sync_directory(parent)
}

pub(crate) fn sync_directory(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Removes what writers that were killed have left: temporary names of our own objects, nothing
/// else, whatever directory this is.
fn remove_temporary_files(root: &FilePath, directory: &FilePath) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if directory != root && fs::symlink_metadata(&path)?.is_dir() {
            remove_temporary_files(root, &path)?;
        } else if path.strip_prefix(root).is_ok_and(is_temporary) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn is_temporary(path: &FilePath) -> bool {
    let Some((name, suffix)) = path.to_str().and_then(|path| path.rsplit_once('#')) else {
        return false;
    };
    !suffix.is_empty()
        && suffix.bytes().all(|byte| byte.is_ascii_digit())
        && name.parse::<ObjectPath>().is_ok()
}

fn failed(source: io::Error) -> Error {
    Error::Generic { store: STORE, source: Box::new(source) }
}

fn finished() -> Error {
    failed(io::Error::other("the upload is already finished"))
}

/// Runs file-system work away from the threads that serve queries.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::JoinError { source: error }),
    }
}
