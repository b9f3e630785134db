//! `blueshift serve`: a warehouse until it is told to stop.

use std::path::PathBuf;

use crate::{
    logging,
    settings::{Flags, LogFormat, Settings, is_loopback},
    standalone,
};

use super::{say, stop_signal};

/// The flags of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Where the data is: a folder, or s3://bucket/prefix [default: blueshift-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The port; 0 for a free one [default: 5439]
    #[arg(long)]
    port: Option<u16>,
    /// The slices of a new cluster [default: one for each core]
    #[arg(long, value_name = "N")]
    slices: Option<u32>,
    /// An address to listen on [default: 127.0.0.1; 0.0.0.0 with a password]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// A file with the superuser's password; else BLUESHIFT_PASSWORD is used
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How lines of the log look [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let settings = Settings::load(Flags {
            config: self.config,
            data: self.data,
            port: self.port,
            slices: self.slices,
            listen: self.listen,
            password_file: self.password_file,
            log_format: self.log_format,
        })?;
        logging::start(&settings.log_filter, settings.log_format)?;
        if settings.password.is_none() {
            warn_without_password(&settings);
        }
        let standalone = standalone::start(settings).await?;
        say(format_args!("ready: postgres {}", standalone.local_addr()));
        stop_signal().await?;
        tracing::info!("shutting down");
        standalone.shutdown().await;
        Ok(())
    }
}

fn warn_without_password(settings: &Settings) {
    let user = &settings.superuser;
    if settings.listen_addresses.iter().all(|address| is_loopback(address)) {
        tracing::warn!(
            "no password is set: anybody on this machine can connect as {user}; \
             set BLUESHIFT_PASSWORD or --password-file"
        );
    } else {
        tracing::warn!(
            "no password is set: connections from other machines are refused; \
             set BLUESHIFT_PASSWORD or --password-file"
        );
    }
}
