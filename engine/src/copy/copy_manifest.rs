//! The JSON manifest a user writes: which files, and which of them must be there.

use serde::Deserialize;

/// A manifest.
#[derive(Debug, Deserialize)]
pub(super) struct CopyManifest {
    /// The files, in the user's order.
    pub(super) entries: Vec<ManifestEntry>,
}

/// One file of a manifest.
#[derive(Debug, Deserialize)]
pub(super) struct ManifestEntry {
    /// `s3://bucket/key`, whole.
    pub(super) url: String,
    /// Whether COPY fails when the file is missing.
    #[serde(default)]
    pub(super) mandatory: bool,
    /// What UNLOAD and Spectrum write about it.
    #[serde(default)]
    pub(super) meta: Option<ManifestMeta>,
}

/// The facts about one file.
#[derive(Debug, Deserialize)]
pub(super) struct ManifestMeta {
    /// Its size in bytes.
    #[serde(default)]
    pub(super) content_length: Option<u64>,
}
