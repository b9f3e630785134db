//! Objects as plain files: `root/bucket/key`, and nothing beside them in a bucket's folder.
//!
//! A file that somebody puts there is an object; what a client uploads is a file. There is no
//! metadata: the ETag is the file's identity, which changes whenever its content is replaced.

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

    /// Makes a written file the object, if the conditions hold; readers see the old one or this.
    pub(super) fn publish(
        &self,
        temporary: &Temporary,
        bucket: &str,
        key: &str,
        conditions: &WriteConditions,
    ) -> S3Result<Metadata> {
        let path = self.object(bucket, key)?;
        let parent = path.parent().unwrap_or(&self.root);
        let _publishing = self.publishing.lock();
        check_write(&path, conditions)?;
        for attempt in 1.. {
            fs::create_dir_all(parent).map_err(io_error)?;
            match fs::rename(&temporary.0, &path) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && attempt < PUBLISH_ATTEMPTS => {}
                renamed => {
                    renamed.map_err(io_error)?;
                    break;
                }
            }
        }
        // The name is durable only when the folder that holds it is.
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(io_error)?;
        fs::metadata(&path).map_err(io_error)
    }

    /// Deletes an object; one that is not there is deleted already.
    pub(super) fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        let path = self.object(bucket, key)?;
        let _publishing = self.publishing.lock();
        match fs::remove_file(path) {
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

fn check_write(path: &Path, conditions: &WriteConditions) -> S3Result<()> {
    let present = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(s3_error!(
                InvalidArgument,
                "This key is a folder here, because other keys go on after it."
            ));
        }
        Ok(metadata) => Some(etag(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
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
    Ok(())
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
        io::ErrorKind::NotFound => no_such_key(),
        io::ErrorKind::NotADirectory => s3_error!(
            NoSuchKey,
            "A key is a path of a file here: no other object may be where this one has a folder."
        ),
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
