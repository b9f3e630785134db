//! The result of a run as JSON and as a table, beside that of another run or engine.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The result of a run; `duckdb.py` writes the same.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// What was measured, with its version.
    pub engine: String,
    /// TPC-H's scale factor.
    pub scale: f64,
    /// The best time of each query in milliseconds; none if it failed.
    pub queries: BTreeMap<String, Option<f64>>,
    /// Why queries failed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, String>,
    /// Loads by format.
    pub load: BTreeMap<String, Load>,
    /// The most memory that the server ever had.
    pub peak_rss_bytes: Option<u64>,
}

/// How fast all tables were loaded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Load {
    /// The rows of all tables.
    pub rows: u64,
    /// The bytes of the files.
    pub file_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// The rates that follow from these.
    pub rows_per_second: f64,
}

impl Load {
    /// Returns a load and its rate.
    pub fn new(rows: u64, file_bytes: u64, seconds: f64) -> Self {
        Self { rows, file_bytes, seconds, rows_per_second: rows as f64 / seconds }
    }
}

impl Report {
    /// Reads a report.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no report", path.display()))
    }

    /// Writes the report.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the table.
    pub fn show(&self, other: Option<&Self>, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{} at scale {}", self.engine, self.scale)?;
        if let Some(other) = other {
            writeln!(out, "compared with {} at scale {}", other.engine, other.scale)?;
        }
        for (format, load) in &self.load {
            let mega = load.file_bytes as f64 / 1e6 / load.seconds;
            write!(
                out,
                "load {format:<10} {:>10.2} s {:>12.0} rows/s",
                load.seconds, load.rows_per_second
            )?;
            write!(out, " {mega:>8.1} MB/s of files")?;
            match other.and_then(|other| other.load.get(format)) {
                Some(theirs) => writeln!(out, " {:>8.2}×", load.seconds / theirs.seconds)?,
                None => writeln!(out)?,
            }
        }
        let mut ratios = Vec::new();
        for (name, ours) in &self.queries {
            let theirs = other.and_then(|other| other.queries.get(name).copied().flatten());
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => {
                    ratios.push(ours / theirs);
                    let ratio = ours / theirs;
                    writeln!(out, "{name} {ours:>12.1} ms {theirs:>12.1} ms {ratio:>8.2}×")?;
                }
                (Some(ours), None) => writeln!(out, "{name} {ours:>12.1} ms")?,
                (None, _) => {
                    let why = self.errors.get(name).map_or("", String::as_str);
                    writeln!(out, "{name}       failed    {why}")?;
                }
            }
        }
        let times: Vec<f64> = self.queries.values().copied().flatten().collect();
        writeln!(out, "sum {:>12.1} ms", times.iter().sum::<f64>())?;
        writeln!(out, "geometric mean {:.1} ms", geometric_mean(&times))?;
        if !ratios.is_empty() {
            let mean = geometric_mean(&ratios);
            writeln!(out, "geometric mean of {} ratios {mean:.2}×", ratios.len())?;
        }
        if let Some(bytes) = self.peak_rss_bytes {
            writeln!(out, "peak memory {:.0} MB", bytes as f64 / 1e6)?;
        }
        Ok(())
    }
}

fn geometric_mean(numbers: &[f64]) -> f64 {
    let sum: f64 = numbers.iter().map(|number| number.ln()).sum();
    (sum / numbers.len().max(1) as f64).exp()
}
