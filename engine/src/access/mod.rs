//! From `IAM_ROLE` or keys to an object store: which endpoint, which credentials.
//!
//! The endpoint is configuration, never SQL, so that scripts written for AWS run unmodified. Keys
//! written in SQL replace the profile's keys, not its endpoint.

mod error;

pub use error::AccessError;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder};
use serde::{Deserialize, Serialize};

/// The region of an endpoint that does not care.
const REGION_DEFAULT: &str = "us-east-1";
/// How long a request is retried before the user is told.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many times a request is repeated.
const RETRIES_MAX: usize = 4;
/// How long one request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How to reach one S3 endpoint.
#[derive(Clone, Default, Serialize, Deserialize)]
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

/// What a statement says about credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Authorization {
    /// Nothing, or IAM_ROLE default: the default profile.
    #[default]
    Default,
    /// IAM_ROLE 'arn': the profile of that role, or the default one.
    Role(String),
    /// Keys of its own, at the default endpoint.
    Keys {
        /// ACCESS_KEY_ID
        access_key_id: String,
        /// SECRET_ACCESS_KEY
        secret_access_key: String,
        /// SESSION_TOKEN
        session_token: Option<String>,
    },
}

impl std::fmt::Debug for Authorization {
    /// Prints no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Role(role) => f.debug_tuple("Role").field(role).finish(),
            Self::Keys { .. } => f.write_str("Keys(***)"),
        }
    }
}

impl S3Access {
    /// Returns the store of a bucket; the first request, not this, finds out whether it is there.
    pub fn object_store(
        &self,
        bucket: &str,
        authorization: &Authorization,
        region: Option<&str>,
    ) -> Result<Arc<dyn ObjectStore>, AccessError> {
        let profile = self.resolved(authorization)?;
        let S3Profile { access_key_id, secret_access_key, session_token, .. } = &profile;
        let (Some(id), Some(secret)) = (access_key_id, secret_access_key) else {
            return Err(AccessError::NoCredentials { bucket: bucket.to_owned() });
        };
        let region = profile.region.as_deref().or(region).unwrap_or(REGION_DEFAULT);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_access_key_id(id)
            .with_secret_access_key(secret)
            .with_retry(retry())
            .with_client_options(client_options());
        if let Some(token) = session_token {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = &profile.endpoint {
            let path_style = profile.path_style.unwrap_or(true);
            let endpoint = endpoint_of(endpoint, bucket, path_style);
            builder =
                builder.with_endpoint(endpoint).with_virtual_hosted_style_request(!path_style);
        }
        let store = builder.build().map_err(|source| AccessError::Settings {
            bucket: bucket.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Arc::new(store))
    }

    /// Returns the endpoint of a statement and its keys: all that is needed to read what it may read.
    pub fn resolved(&self, authorization: &Authorization) -> Result<S3Profile, AccessError> {
        let profile = self.profile(authorization)?.clone();
        Ok(match authorization.clone() {
            Authorization::Keys { access_key_id, secret_access_key, session_token } => S3Profile {
                access_key_id: Some(access_key_id),
                secret_access_key: Some(secret_access_key),
                session_token,
                ..profile
            },
            Authorization::Default | Authorization::Role(_) => profile,
        })
    }

    /// Returns where a bucket is looked for, as an error names it.
    pub fn endpoint_name(&self, authorization: &Authorization) -> String {
        let profile = self.profile(authorization).unwrap_or(&self.default);
        profile.endpoint.clone().unwrap_or_else(|| "Amazon S3".to_owned())
    }

    fn profile(&self, authorization: &Authorization) -> Result<&S3Profile, AccessError> {
        let Authorization::Role(role) = authorization else { return Ok(&self.default) };
        let Some(name) = self.roles.get(role) else { return Ok(&self.default) };
        self.profiles.get(name).ok_or_else(|| AccessError::UnknownProfile {
            role: role.clone(),
            profile: name.clone(),
        })
    }
}

/// The store puts the bucket into the path only; in host style the endpoint must name it.
fn endpoint_of(endpoint: &str, bucket: &str, path_style: bool) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some((scheme, host)) if !path_style && !host.starts_with(&format!("{bucket}.")) => {
            format!("{scheme}://{bucket}.{host}")
        }
        _ => endpoint.to_owned(),
    }
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: RETRY_TIMEOUT }
}

fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_chooses_its_profile_and_an_unknown_role_the_default() -> Result<(), AccessError> {
        let keys = |endpoint: &str| S3Profile {
            endpoint: Some(endpoint.to_owned()),
            access_key_id: Some("id".into()),
            secret_access_key: Some("key".into()),
            ..S3Profile::default()
        };
        let access = S3Access {
            default: keys("http://a:1"),
            profiles: BTreeMap::from([("p".to_owned(), keys("http://b:2"))]),
            roles: BTreeMap::from([
                ("arn:p".to_owned(), "p".to_owned()),
                ("arn:q".into(), "q".into()),
            ]),
        };
        assert_eq!(access.endpoint_name(&Authorization::Role("arn:p".into())), "http://b:2");
        assert_eq!(access.endpoint_name(&Authorization::Role("arn:x".into())), "http://a:1");
        access.object_store("b", &Authorization::Default, None)?;
        let unknown = access.object_store("b", &Authorization::Role("arn:q".into()), None);
        assert!(matches!(unknown, Err(AccessError::UnknownProfile { .. })));
        let none = S3Access::default().object_store("b", &Authorization::Default, None);
        assert!(matches!(none, Err(AccessError::NoCredentials { .. })));
        Ok(())
    }

    #[test]
    fn host_style_names_the_bucket_in_the_endpoint() {
        assert_eq!(endpoint_of("https://s3.x/", "b", false), "https://b.s3.x");
        assert_eq!(endpoint_of("https://s3.x/", "b", true), "https://s3.x");
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_named() -> Result<(), AccessError> {
        use object_store::{ObjectStoreExt, path::Path};
        let profile = S3Profile {
            // Nothing listens on port 1.
            endpoint: Some("http://127.0.0.1:1".into()),
            access_key_id: Some("id".into()),
            secret_access_key: Some("key".into()),
            ..S3Profile::default()
        };
        let access = S3Access { default: profile, ..S3Access::default() };
        let store = access.object_store("b", &Authorization::Default, None)?;
        let error = store.get(&Path::from("x")).await.expect_err("nothing listens");
        let endpoint = access.endpoint_name(&Authorization::Default);
        let error = AccessError::request(&endpoint, "b", error);
        assert!(matches!(error, AccessError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("http://127.0.0.1:1"), "{error}");
        Ok(())
    }
}
