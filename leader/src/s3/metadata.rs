//! What a client says of an object beside its bytes: `x-amz-meta-*`, the type of its content.
//!
//! It is kept out of every bucket's sight, by the object's ETag, which is the identity of its file. So
//! one rename replaces an object and what is said of it; of a file that somebody else put in its place
//! nothing is said.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// S3's limit of what a user may say, in bytes of names and values.
const USER_BYTES_MAX: usize = 2048;

/// What is said of an object; by default, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectMetadata {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    /// `x-amz-meta-*`, by the part of the name after that.
    pub(super) user: HashMap<String, String>,
}

/// Takes out of a request what it says of its object.
macro_rules! metadata_of {
    ($input:ident) => {
        $crate::s3::metadata::ObjectMetadata {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $crate::s3::metadata::lasting($input.content_encoding.take()),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            user: $input.metadata.take().unwrap_or_default(),
        }
    };
}
pub(super) use metadata_of;

/// Returns a content encoding without the one that is of the request and not of the object.
pub(super) fn lasting(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let lasting = encoding.split(',').map(str::trim).filter(|one| *one != "aws-chunked");
    let lasting = lasting.collect::<Vec<_>>().join(",");
    (!lasting.is_empty()).then_some(lasting)
}

impl ObjectMetadata {
    /// Returns whether the user says more than S3 takes.
    pub(super) fn is_too_large(&self) -> bool {
        let bytes = self.user.iter().map(|(name, value)| name.len() + value.len());
        bytes.sum::<usize>() > USER_BYTES_MAX
    }

    /// Returns what a file holds; nothing, if it is not there.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes a file that holds this, durably; none where there is nothing to hold.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        let mut file = File::create(path)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}
