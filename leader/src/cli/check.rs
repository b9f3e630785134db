//! `blueshift check`: whether everything that a warehouse has stored is whole.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use engine::{check, storage::ManagedStorage};

use crate::settings::{Flags, Settings};

/// The flags of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Where the data is: a folder, or s3://bucket/prefix [default: blueshift-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Check {
    /// Fails, and so ends with exit code 1, if anything is wrong.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let flags = Flags { config: self.config, data: self.data, ..Flags::default() };
        let settings = Settings::load(flags)?;
        let storage = ManagedStorage::open(
            &settings.data,
            &settings.s3.default,
            settings.resources.block_cache_bytes_max(),
        )?;
        let report = check::check(&storage).await?;
        let mut out = io::stdout().lock();
        for problem in &report.problems {
            writeln!(out, "{problem}")?;
        }
        let (tables, runs, rows) = (report.table_count, report.run_count, report.row_count);
        writeln!(out, "checked {tables} tables, {runs} runs, {rows} rows")?;
        match report.problems.len() {
            0 => Ok(()),
            1 => anyhow::bail!("1 problem was found in {}", settings.data),
            count => anyhow::bail!("{count} problems were found in {}", settings.data),
        }
    }
}
