//! Uploads in parts: a folder for each, out of every bucket's sight until it is complete.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

use s3s::{
    S3Error, S3Result,
    dto::{CompletedPart, ETag},
    s3_error,
};

use super::{
    folder::{Folder, Temporary, etag, io_error},
    metadata::ObjectMetadata,
};

/// Every part but the last has at least this many bytes, as in S3.
const PART_BYTES_MIN: u64 = 5 << 20;
/// S3's limit of parts.
const PARTS_MAX: i32 = 10_000;
/// Holds the key that the upload is for.
const TARGET: &str = "target";
/// Holds what was said of the object.
const METADATA: &str = "metadata";

/// An upload that was begun.
#[derive(Debug)]
pub(super) struct Upload {
    path: PathBuf,
}

impl Upload {
    /// Begins an upload and returns its id.
    pub(super) fn begin(
        folder: &Folder,
        bucket: &str,
        key: &str,
        metadata: &ObjectMetadata,
    ) -> S3Result<String> {
        folder.object(bucket, key)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let path = folder.uploads().join(&id);
        fs::create_dir(&path).map_err(io_error)?;
        metadata.write(&path.join(METADATA)).map_err(io_error)?;
        fs::write(path.join(TARGET), format!("{bucket}/{key}")).map_err(io_error)?;
        Ok(id)
    }

    /// Returns an upload that was begun for this key.
    pub(super) fn find(folder: &Folder, bucket: &str, key: &str, id: &str) -> S3Result<Self> {
        // The id becomes part of a path.
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(no_such_upload());
        }
        let path = folder.uploads().join(id);
        match fs::read_to_string(path.join(TARGET)) {
            Ok(target) if target == format!("{bucket}/{key}") => Ok(Self { path }),
            Ok(_) => Err(no_such_upload()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(no_such_upload()),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Returns what was said of the object when the upload was begun.
    pub(super) fn metadata(&self) -> S3Result<ObjectMetadata> {
        ObjectMetadata::read(&self.path.join(METADATA)).map_err(io_error)
    }

    /// Takes a part that was written; one that was there before is replaced.
    pub(super) fn add(&self, number: i32, written: &Temporary) -> S3Result<ETag> {
        let path = self.part(number)?;
        fs::rename(written.path(), &path).map_err(io_error)?;
        Ok(etag(&fs::metadata(&path).map_err(io_error)?))
    }

    /// Writes all parts, in order, to one file.
    pub(super) fn join(&self, parts: &[CompletedPart], into: &Temporary) -> S3Result<()> {
        if parts.is_empty() {
            return Err(s3_error!(MalformedXML, "An upload has at least one part."));
        }
        let mut target = File::create(into.path()).map_err(io_error)?;
        let mut before = 0;
        for (index, part) in parts.iter().enumerate() {
            let number = part.part_number.unwrap_or(0);
            if number <= before {
                return Err(s3_error!(InvalidPartOrder));
            }
            before = number;
            let mut source =
                File::open(self.part(number)?).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => invalid_part(),
                    _ => io_error(error),
                })?;
            let metadata = source.metadata().map_err(io_error)?;
            if part.e_tag.as_ref().is_some_and(|given| !given.weak_cmp(&etag(&metadata))) {
                return Err(invalid_part());
            }
            if index + 1 < parts.len() && metadata.len() < PART_BYTES_MIN {
                return Err(s3_error!(EntityTooSmall));
            }
            io::copy(&mut source, &mut target).map_err(io_error)?;
        }
        target.flush().and_then(|()| target.sync_all()).map_err(io_error)
    }

    /// Forgets the upload and its parts.
    pub(super) fn end(self) -> S3Result<()> {
        fs::remove_dir_all(self.path).map_err(io_error)
    }

    fn part(&self, number: i32) -> S3Result<PathBuf> {
        if !(1..=PARTS_MAX).contains(&number) {
            return Err(s3_error!(InvalidArgument, "Parts are numbered from 1 to 10000."));
        }
        Ok(self.path.join(format!("part-{number}")))
    }
}

fn no_such_upload() -> S3Error {
    s3_error!(NoSuchUpload, "The upload does not exist: it was completed, aborted, or never begun.")
}

fn invalid_part() -> S3Error {
    s3_error!(InvalidPart, "A part was not uploaded, or it is another one.")
}
