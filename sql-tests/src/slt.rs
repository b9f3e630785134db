//! Runs `.slt` files: sqllogictest over the wire.
//!
//! An error reads `SQLSTATE: message [at POSITION]`, NULL reads `NULL`, an empty text `(empty)`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::client::{Client, Failure};

/// How long one file may take.
const FILE_WAIT_MAX: Duration = Duration::from_secs(120);

/// A session of a `.slt` file.
struct Session {
    client: Client,
}

#[async_trait]
impl AsyncDB for Session {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let answer = self.client.run(sql).await?;
        let Some(columns) = answer.columns else {
            return Ok(DBOutput::StatementComplete(answer.count));
        };
        let types = vec![DefaultColumnType::Any; columns.len()];
        let shown = |value: Option<String>| match value {
            None => "NULL".to_owned(),
            Some(text) if text.is_empty() => "(empty)".to_owned(),
            Some(text) => text,
        };
        let rows = answer.rows.into_iter().map(|row| row.into_iter().map(shown).collect());
        Ok(DBOutput::Rows { types, rows: rows.collect() })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &'static str {
        "blueshift"
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        Some(error.sqlstate.clone())
    }
}

/// Runs one file against the server at a port. Each `connection` record is a session of its own.
pub async fn run_file(path: &Path, port: u16) -> Result<()> {
    let mut runner = Runner::new(|| async move {
        Client::connect(port, None).await.map(|client| Session { client })
    });
    match tokio::time::timeout(FILE_WAIT_MAX, runner.run_file_async(path)).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => bail!("{} did not end within {FILE_WAIT_MAX:?}", path.display()),
    }
}

/// Returns the `.slt` files of a folder and its subfolders, sorted, as paths relative to it.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries =
            std::fs::read_dir(&next).with_context(|| format!("read {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "slt") {
                found.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
