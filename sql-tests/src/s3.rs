//! The S3 endpoint of a test: the built-in one, over real HTTP, with a folder of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{self, ServerProcess};

/// The key's name that the endpoint accepts.
pub const ACCESS_KEY_ID: &str = "test-key";
/// The key that the endpoint accepts.
pub const SECRET_ACCESS_KEY: &str = "test-secret";

/// How a warehouse reaches an endpoint.
#[derive(Debug, Clone)]
pub struct S3Address {
    /// `http://127.0.0.1:port`
    pub endpoint: String,
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
}

/// A running endpoint and its folder.
#[derive(Debug)]
pub struct S3Endpoint {
    root: TempDir,
    address: S3Address,
    _process: ServerProcess,
}

impl S3Endpoint {
    /// Starts an endpoint with an empty folder.
    pub fn start() -> Result<Self> {
        let root = TempDir::new().context("make a folder for the S3 endpoint")?;
        let mut command = process::command()?;
        command
            .arg("s3")
            .arg("--root")
            .arg(root.path())
            .args(["--port", "0"])
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
        let mut process = ServerProcess::spawn(command)?;
        let endpoint = process.wait_ready("s3")?;
        let address = S3Address {
            endpoint,
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        };
        Ok(Self { root, address, _process: process })
    }

    /// Returns how to reach it.
    pub fn address(&self) -> &S3Address {
        &self.address
    }

    /// Returns the folder of a bucket, made if it is not there.
    pub fn bucket(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.path().join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("make bucket {name}"))?;
        Ok(folder)
    }

    /// Returns the folder whose subfolders are the buckets.
    pub fn root(&self) -> &Path {
        self.root.path()
    }
}
