//! Where log lines go: to stderr, as text or as JSON.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// `info`, but for libraries whose INFO is no news to an operator; s3s calls every mistake of a
/// client an error, and what is one the endpoint says itself.
const INFO: &str = "warn,leader=info,engine=info,compute=info,blueshift=info,s3s=off";
/// `warn` without the same.
const WARN: &str = "warn,s3s=off";

/// Starts logging; `filter` is in the syntax of `RUST_LOG`.
pub fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = match filter {
        "info" => INFO,
        "warn" => WARN,
        other => other,
    };
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("the log filter \"{filter}\" is not valid"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging: {error}"))
}
