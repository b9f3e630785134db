//! `blueshift serve`: a warehouse until it is told to stop.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use engine::transaction::TransactionError;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    error::Error,
    logging,
    memory::Resources,
    settings::{Flags, LogFormat, Settings, is_loopback},
    standalone::{self, Standalone},
};

use super::{StopSignal, say};

/// The flags of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    flags: ServeFlags,
}

/// The flags of whatever serves clients.
#[derive(Debug, clap::Args)]
pub(super) struct ServeFlags {
    /// Where the data is: a folder, or s3://bucket/prefix [default: blueshift-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
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
    #[command(flatten)]
    resources: Resources,
    /// How lines of the log look [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

impl ServeFlags {
    /// Returns the settings, and starts the log that they ask for.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let settings = Settings::load(Flags {
            config: self.config.clone(),
            data: self.data.clone(),
            port: self.port,
            slices: self.slices,
            listen: self.listen.clone(),
            password_file: self.password_file.clone(),
            resources: self.resources.clone(),
            log_format: self.log_format,
        })?;
        logging::start(&settings.log_filter, settings.log_format)?;
        if settings.password.is_none() {
            warn_without_password(&settings);
        }
        Ok(settings)
    }
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = StopSignal::listen()?;
        let settings = self.flags.settings()?;
        serve(standalone::start(settings), &mut stop).await
    }
}

/// Starts a warehouse, says that it is ready, and serves until it is told to stop; fails if another leader has taken the
/// storage root over.
pub(super) async fn serve(
    starting: impl Future<Output = Result<Standalone, Error>> + Send + 'static,
    stop: &mut StopSignal,
) -> anyhow::Result<()> {
    // A task of its own: recovery may compute for long, and a signal is to be heard meanwhile.
    let starting = AbortOnDropHandle::new(tokio::spawn(starting));
    let warehouse = tokio::select! {
        started = starting => started??,
        () = stop.received() => {
            tracing::info!("stopped while starting");
            return Ok(());
        }
    };
    say(format_args!("ready: postgres {}", reachable(warehouse.local_addr())));
    let fenced = tokio::select! {
        () = stop.received() => None,
        () = warehouse.fenced() => Some(TransactionError::Fenced),
    };
    match &fenced {
        Some(error) => tracing::error!("shutting down: {error}"),
        None => tracing::info!("shutting down"),
    }
    warehouse.shutdown().await;
    fenced.map_or(Ok(()), |error| Err(error.into()))
}

/// Returns where a client on this machine connects to what listens at `address`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_reached_by_loopback() {
        let shown = |address: &str| reachable(address.parse().unwrap()).to_string();
        assert_eq!(shown("0.0.0.0:5439"), "127.0.0.1:5439");
        assert_eq!(shown("[::]:5439"), "[::1]:5439");
        assert_eq!(shown("192.0.2.1:5439"), "192.0.2.1:5439");
    }
}
