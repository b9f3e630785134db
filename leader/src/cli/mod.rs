//! The command line: one file for each command.

mod quickstart;
mod s3;
mod serve;

use std::io::{self, Write};

use clap::{Parser, Subcommand};

/// A columnar MPP data warehouse that speaks Amazon Redshift's SQL and protocol.
#[derive(Debug, Parser)]
#[command(name = "blueshift", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a warehouse.
    Serve(serve::Serve),
    /// Shows a warehouse with data: generates TPC-H, loads and queries it.
    Quickstart(quickstart::Quickstart),
    /// Serves a folder as an S3 endpoint.
    S3(s3::S3),
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve(command) => command.run().await,
        Command::Quickstart(command) => command.run().await,
        Command::S3(command) => command.run().await,
    }
}

/// Writes a line to stderr: what scripts wait for and people read, beside the log.
fn say(line: impl std::fmt::Display) {
    // Who closed stderr does not want to know.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Waits for SIGINT or SIGTERM.
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
