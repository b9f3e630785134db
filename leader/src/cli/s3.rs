//! `blueshift s3`: an S3 endpoint on a folder, until it is told to stop.

use std::path::PathBuf;

use anyhow::Context;

use crate::{
    logging,
    s3::{self, DEVELOPMENT_KEYS, Keys},
    settings::{self, LogFormat},
};

use super::{StopSignal, say};

/// The flags of `s3`.
///
/// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are the keys that it accepts.
#[derive(Debug, clap::Args)]
pub(super) struct S3 {
    /// The folder: a sub-folder is a bucket, a file in it an object
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// How lines of the log look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

impl S3 {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = StopSignal::listen()?;
        let filter = settings::log_filter();
        logging::start(filter.as_deref().unwrap_or("info"), self.log_format)?;
        let keys = match settings::aws_keys() {
            Some((access_key_id, secret_access_key)) => Keys { access_key_id, secret_access_key },
            None => {
                let (id, secret) = DEVELOPMENT_KEYS;
                tracing::info!(
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: \
                     the keys are {id} and {secret}"
                );
                Keys::development()
            }
        };
        let running = s3::start(&self.root, self.port, keys).await.with_context(|| {
            format!("cannot serve {} on 127.0.0.1:{}", self.root.display(), self.port)
        })?;
        say(format_args!("ready: s3 {}", running.endpoint()));
        stop.received().await;
        running.shutdown().await;
        Ok(())
    }
}
