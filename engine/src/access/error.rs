//! Why an endpoint, a bucket or an object could not be reached.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use crate::client_error::{ClientError, SqlState};

type Source = Box<object_store::Error>;

/// An error on the way to an object store.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No keys in the statement nor in the configuration.
    #[error("no S3 credentials for bucket \"{bucket}\"")]
    NoCredentials {
        /// The bucket.
        bucket: String,
    },
    /// A role is mapped to a profile that does not exist.
    #[error(
        "IAM role \"{role}\" is mapped to the S3 profile \"{profile}\", which is not configured"
    )]
    UnknownProfile {
        /// The role.
        role: String,
        /// The profile.
        profile: String,
    },
    /// The configuration makes no valid client.
    #[error("the S3 settings for bucket \"{bucket}\" are not valid")]
    Settings {
        /// The bucket.
        bucket: String,
        /// Why.
        source: Source,
    },
    /// Nobody answers.
    #[error("S3 endpoint {endpoint} cannot be reached (bucket \"{bucket}\")")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// Why.
        source: Source,
    },
    /// The bucket or the object does not exist.
    #[error("S3 endpoint {endpoint} has no {what} in bucket \"{bucket}\", or no such bucket")]
    NotFound {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// The object's key, or what was looked for.
        what: String,
        /// The answer.
        source: Source,
    },
    /// The bucket does not exist.
    #[error("S3 endpoint {endpoint} has no bucket \"{bucket}\"")]
    NoSuchBucket {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// The answer.
        source: Source,
    },
    /// The keys are wrong, or not allowed to do this.
    #[error("S3ServiceException: Access Denied, endpoint {endpoint}, bucket \"{bucket}\"")]
    Denied {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// The answer.
        source: Source,
    },
    /// Anything else.
    #[error("reading from S3 endpoint {endpoint}, bucket \"{bucket}\" failed")]
    Request {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// Why.
        source: Source,
    },
}

impl AccessError {
    /// Says which endpoint and bucket a failed request went to.
    pub fn request(endpoint: &str, bucket: &str, error: object_store::Error) -> Self {
        let (endpoint, bucket) = (endpoint.to_owned(), bucket.to_owned());
        let source = Box::new(error);
        match *source {
            object_store::Error::NotFound { ref path, .. } => {
                let what = format!("\"{path}\"");
                Self::NotFound { endpoint, bucket, what, source }
            }
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => {
                Self::Denied { endpoint, bucket, source }
            }
            _ if is_unreachable(&*source) => Self::Unreachable { endpoint, bucket, source },
            _ => Self::Request { endpoint, bucket, source },
        }
    }
}

impl AccessError {
    /// Says why a listing failed.
    ///
    /// The store does not tell the status of a listing's answer; `probe` is what it said about a
    /// single key of the same bucket.
    pub fn listing(
        endpoint: &str,
        bucket: &str,
        error: object_store::Error,
        probe: Option<object_store::Error>,
    ) -> Self {
        match (Self::request(endpoint, bucket, error), probe) {
            (Self::Request { endpoint, bucket, source }, Some(probe)) => match probe {
                object_store::Error::NotFound { .. } => {
                    Self::NoSuchBucket { endpoint, bucket, source }
                }
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. } => {
                    Self::Denied { endpoint, bucket, source }
                }
                _ => Self::Request { endpoint, bucket, source },
            },
            (error, _) => error,
        }
    }
}

/// Returns whether the chain of causes ends in a connection that failed or timed out.
fn is_unreachable(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
        }
        cause = error.source();
    }
    false
}

impl ClientError for AccessError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::NoCredentials { .. } => SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            Self::Denied { .. } => SqlState::INSUFFICIENT_PRIVILEGE,
            Self::UnknownProfile { .. } | Self::Settings { .. } => {
                SqlState::INVALID_PARAMETER_VALUE
            }
            Self::Unreachable { .. } => SqlState::CONNECTION_FAILURE,
            Self::NotFound { .. } | Self::NoSuchBucket { .. } => SqlState::UNDEFINED_OBJECT,
            Self::Request { .. } => SqlState::IO_ERROR,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Settings { source, .. }
            | Self::Unreachable { source, .. }
            | Self::NotFound { source, .. }
            | Self::NoSuchBucket { source, .. }
            | Self::Denied { source, .. }
            | Self::Request { source, .. } => Some(source.to_string()),
            Self::NoCredentials { .. } | Self::UnknownProfile { .. } => None,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCredentials { .. } => {
                "Configure keys for S3, or write ACCESS_KEY_ID and SECRET_ACCESS_KEY in the statement."
            }
            Self::UnknownProfile { .. } => "Add the profile to the configuration.",
            Self::Settings { .. } => "Check the endpoint and the region in the configuration.",
            Self::Unreachable { .. } => {
                "Check that the endpoint in the configuration is right and that it runs."
            }
            Self::NotFound { .. } | Self::NoSuchBucket { .. } => "Check the bucket and the key.",
            Self::Denied { .. } => {
                "Check the access key, its secret, and what it may read in this bucket."
            }
            Self::Request { .. } => return None,
        }
        .to_owned())
    }
}
