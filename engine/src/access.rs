//! From `IAM_ROLE` or keys to an object store: which endpoint, which credentials.
//!
//! The endpoint is configuration, never SQL, so that scripts written for AWS run unmodified.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How to reach one S3 endpoint.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Profile {
    /// `http://127.0.0.1:9000`; AWS itself when absent.
    pub endpoint: Option<String>,
    /// `us-east-1` when absent.
    pub region: Option<String>,
    /// `http://host/bucket/key` rather than `http://bucket.host/key`; on by default when an
    /// endpoint is given.
    pub path_style: Option<bool>,
    /// The key's name.
    pub access_key_id: Option<String>,
    /// The key.
    pub secret_access_key: Option<String>,
    /// For temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for S3Profile {
    /// Prints no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Profile")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// All endpoints a warehouse may read from, by profile name and by IAM role.
#[derive(Debug, Clone, Default)]
pub struct S3Access {
    /// Used where nothing else is said: `[s3]` of the configuration or the AWS_* variables.
    pub default: S3Profile,
    /// `[s3.profiles.NAME]`.
    pub profiles: BTreeMap<String, S3Profile>,
    /// IAM role ARN → profile name.
    pub roles: BTreeMap<String, String>,
}
