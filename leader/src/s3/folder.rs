//! Objects as plain files: `root/bucket/key`, and nothing beside them in a bucket's folder.
//!
//! A file that somebody puts there is an object; what a client uploads is a file. The ETag is the
//! file's identity, which changes whenever its content is replaced; what a client says of an object
//! is kept by it, beside the buckets.
//!
//! A key is a path, so no object can be where another one's key has a folder.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    dto::{ETag, ETagCondition},
    path::check_bucket_name,
    s3_error,
};

use super::metadata::ObjectMetadata;

/// Beside the buckets: no bucket's name starts with a dot.
const PRIVATE: &str = ".blueshift-s3";
/// How often a folder may vanish between its creation and its use.
const PUBLISH_ATTEMPTS: usize = 5;

/// What must hold for a write.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

/// The folder of all buckets.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Between looking whether a write's conditions hold and the write nobody else writes.
    publishing: Mutex<()>,
}

impl Folder {
    /// Opens a folder, made if it is not there; what earlier uploads left half written goes.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let temporary = root.join(PRIVATE).join("tmp");
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&temporary)?,
        }
        fs::create_dir_all(root.join(PRIVATE).join("uploads"))?;
        fs::create_dir_all(root.join(PRIVATE).join("metadata"))?;
        Ok(Self { root, publishing: Mutex::default() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn uploads(&self) -> PathBuf {
        self.root.join(PRIVATE).join("uploads")
    }

    /// Returns a path that nobody uses, on the same file system as the buckets.
    pub(super) fn temporary(&self) -> Temporary {
        let name = format!("{:032x}", rand::random::<u128>());
        Temporary(self.root.join(PRIVATE).join("tmp").join(name))
    }

    /// Returns a bucket's folder.
    pub(super) fn bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.bucket_path(bucket)?;
        if path.is_dir() {
            Ok(path)
        } else {
            Err(s3_error!(NoSuchBucket, "The bucket does not exist."))
        }
    }

    /// Returns where a bucket's folder is or would be.
    pub(super) fn bucket_path(&self, bucket: &str) -> S3Result<PathBuf> {
        if !check_bucket_name(bucket) {
            return Err(s3_error!(InvalidBucketName, "This is no name of a bucket."));
        }
        Ok(self.root.join(bucket))
    }

    /// Returns where an object's file is or would be, in a bucket that exists.
    pub(super) fn object(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let mut path = self.bucket(bucket)?;
        for part in key.split('/') {
            if part.is_empty() || part == "." || part == ".." || part.contains('\0') {
                return Err(s3_error!(
                    InvalidArgument,
                    "A key is a path of a file here: no part of it may be empty, '.' or '..'."
                ));
            }
            path.push(part);
        }
        Ok(path)
    }

    /// Returns an object's file and what it is like.
    pub(super) fn open_object(&self, bucket: &str, key: &str) -> S3Result<(File, Metadata)> {
        let path = self.object(bucket, key)?;
        let file = File::open(path).map_err(io_error)?;
        let metadata = file.metadata().map_err(io_error)?;
        if !metadata.is_file() {
            return Err(no_such_key());
        }
        Ok((file, metadata))
    }

    /// Returns what is said of the object with this ETag.
    pub(super) fn metadata_of(&self, etag: &ETag) -> S3Result<ObjectMetadata> {
        ObjectMetadata::read(&self.metadata_path(etag)).map_err(io_error)
    }

    fn metadata_path(&self, etag: &ETag) -> PathBuf {
        self.root.join(PRIVATE).join("metadata").join(etag.value())
    }

    /// Forgets what is said of an object that is no more.
    fn forget(&self, etag: &ETag) {
        if let Err(error) = fs::remove_file(self.metadata_path(etag))
            && error.kind() != io::ErrorKind::NotFound
        {
            // Nobody will ask for it: the ETag of another file is another one.
            tracing::warn!(%error, "metadata of a deleted object is left");
        }
    }

    /// Makes a written file the object, if the conditions hold; readers see the old one or this.
    pub(super) fn publish(
        &self,
        temporary: &Temporary,
        (bucket, key): (&str, &str),
        metadata: &ObjectMetadata,
        conditions: &WriteConditions,
    ) -> S3Result<ETag> {
        let path = self.object(bucket, key)?;
        // A rename changes nothing that the ETag is made of.
        let written = etag(&fs::metadata(&temporary.0).map_err(io_error)?);
        let _publishing = self.publishing.lock();
        let replaced = check_write(&path, conditions)?;
        metadata.write(&self.metadata_path(&written)).map_err(io_error)?;
        match self.rename(temporary, &path) {
            Ok(()) => {
                replaced.iter().for_each(|etag| self.forget(etag));
                Ok(written)
            }
            Err(error) => {
                self.forget(&written);
                Err(io_error(error))
            }
        }
    }

    /// Moves a written file to its place, durably.
    fn rename(&self, temporary: &Temporary, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(&self.root);
        for attempt in 1.. {
            fs::create_dir_all(parent)?;
            match fs::rename(&temporary.0, path) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && attempt < PUBLISH_ATTEMPTS => {}
                renamed => {
                    renamed?;
                    break;
                }
            }
        }
        // The name is durable only when the folder that holds it is.
        File::open(parent)?.sync_all()
    }

    /// Deletes an object; one that is not there is deleted already.
    pub(super) fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        let path = self.object(bucket, key)?;
        let _publishing = self.publishing.lock();
        let removed = fs::metadata(&path).and_then(|attributes| {
            fs::remove_file(&path)?;
            self.forget(&etag(&attributes));
            Ok(())
        });
        match removed {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            removed => removed.map_err(io_error),
        }
    }

    /// Deletes a bucket without objects; folders that deleted objects left do not count.
    pub(super) fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let path = self.bucket(bucket)?;
        let _publishing = self.publishing.lock();
        if contains_file(&path).map_err(io_error)? {
            return Err(s3_error!(BucketNotEmpty, "The bucket has objects."));
        }
        fs::remove_dir_all(path).map_err(io_error)
    }
}

/// A file that is written; it goes with its name, unless it was renamed.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Renamed ones are not there; the others go at the next start if not now.
        let _ = fs::remove_file(&self.0);
    }
}

/// Returns a file's ETag: its inode is another one whenever the object is replaced.
pub(super) fn etag(metadata: &Metadata) -> ETag {
    let modified_ns =
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    ETag::Strong(format!("{:x}-{modified_ns:x}-{:x}", metadata.ino(), metadata.len()))
}

pub(super) fn matches(condition: &ETagCondition, etag: &ETag) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(expected) => expected.weak_cmp(etag),
    }
}

/// Returns the ETag of the object that a write replaces, if the write's conditions hold.
fn check_write(path: &Path, conditions: &WriteConditions) -> S3Result<Option<ETag>> {
    let present = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            remove_empty_folders(path).map_err(|_| {
                s3_error!(
                    InvalidArgument,
                    "This key is a folder here, because the keys of other objects go on after it."
                )
            })?;
            None
        }
        Ok(metadata) => Some(etag(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(s3_error!(
                InvalidArgument,
                "A key is a path of a file here: no other object may be where this one has a folder."
            ));
        }
        Err(error) => return Err(io_error(error)),
    };
    if let Some(condition) = &conditions.if_none_match
        && present.as_ref().is_some_and(|present| matches(condition, present))
    {
        return Err(s3_error!(PreconditionFailed, "The object exists."));
    }
    if let Some(condition) = &conditions.if_match {
        let Some(present) = &present else { return Err(no_such_key()) };
        if !matches(condition, present) {
            return Err(s3_error!(PreconditionFailed, "The object is another one."));
        }
    }
    Ok(present)
}

/// Removes folders that deleted objects left: S3 knows none. One with a file stays, which is an error.
fn remove_empty_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_folders(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

fn contains_file(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || contains_file(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a file is not there, because its folder is not or is a file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Says in S3's words what the file system refused.
pub(super) fn io_error(error: io::Error) -> S3Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => no_such_key(),
        io::ErrorKind::InvalidFilename => s3_error!(
            KeyTooLongError,
            "A key is a path of a file here: each part of it may have 255 bytes."
        ),
        io::ErrorKind::PermissionDenied => {
            S3Error::with_source(S3ErrorCode::AccessDenied, error.into())
        }
        _ => {
            tracing::error!(%error, "S3 request failed");
            S3Error::internal_error(error)
        }
    }
}

fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The object does not exist.")
}
