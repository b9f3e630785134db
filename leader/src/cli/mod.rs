//! The command line: one file for each command.

mod check;
mod quickstart;
mod s3;
mod serve;

use std::io::{self, Write};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    /// Reads everything a warehouse has stored, while it does not run, and says what is wrong.
    Check(check::Check),
    /// Shows a warehouse with data: generates TPC-H, loads and queries it.
    Quickstart(quickstart::Quickstart),
    /// Serves a folder as an S3 endpoint.
    S3(s3::S3),
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve(command) => command.run().await,
        Command::Check(command) => command.run().await,
        Command::Quickstart(command) => command.run().await,
        Command::S3(command) => command.run().await,
    }
}

/// Writes a line to stderr: what scripts wait for and people read, beside the log.
fn say(line: impl std::fmt::Display) {
    // Who closed stderr does not want to know.
    let _ = writeln!(io::stderr(), "{line}");
}

/// SIGINT and SIGTERM, which ask for an orderly end; from [`Self::listen`] on they no longer kill.
struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    fn listen() -> io::Result<Self> {
        let (interrupt, terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate })
    }

    /// Waits for one of them; one that came before this call counts.
    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
