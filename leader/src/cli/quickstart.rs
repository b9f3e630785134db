//! `blueshift quickstart`: a warehouse with data, and what it can do.

use std::path::PathBuf;

use crate::{
    logging,
    quickstart::{self, Options},
    settings::{self, LogFormat, PORT_DEFAULT},
};

use super::StopSignal;

/// The flags of `quickstart`.
#[derive(Debug, clap::Args)]
pub(super) struct Quickstart {
    /// TPC-H's scale factor; 1 is 6 million rows of lineitem, 1 GB as text
    #[arg(long, default_value_t = 0.1, value_parser = scale)]
    scale: f64,
    /// Leave when all is shown, instead of serving until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// Keep everything in this folder [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port; 0 for a free one
    #[arg(long, default_value_t = PORT_DEFAULT)]
    port: u16,
}

impl Quickstart {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = StopSignal::listen()?;
        let filter = settings::log_filter();
        logging::start(filter.as_deref().unwrap_or("warn"), LogFormat::Text)?;
        let options =
            Options { scale: self.scale, exit: self.exit, data: self.data, port: self.port };
        quickstart::run(options, stop.received()).await
    }
}

/// dbgen knows scales up to 100000; below a thousandth the tables lose what the queries look for.
fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.001..=100_000.0).contains(&scale) => Ok(scale),
        _ => Err("must be a number from 0.001 to 100000".to_owned()),
    }
}
