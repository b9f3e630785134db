//! What is stored, as a golden script prints it. Runs and delete vectors have random names: here they are
//! numbered as they are first seen.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use engine::{
    catalog::{CatalogChange, Table},
    storage::{
        ManagedStorage,
        paths::{ObjectPath, ObjectPrefix},
        run::{Run, StatisticsValue},
    },
};

/// The numbers that runs and delete vectors are called by.
#[derive(Debug, Default)]
pub(crate) struct Names {
    runs: BTreeMap<String, usize>,
    vectors: BTreeMap<String, usize>,
}

fn number(names: &mut BTreeMap<String, usize>, id: String) -> usize {
    let next = names.len() + 1;
    *names.entry(id).or_insert(next)
}

impl Names {
    fn run(&mut self, id: impl ToString) -> String {
        format!("run {}", number(&mut self.runs, id.to_string()))
    }

    fn vector(&mut self, id: impl ToString) -> String {
        format!("vector {}", number(&mut self.vectors, id.to_string()))
    }

    /// Returns a text with numbers for names.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let known = self.runs.iter().chain(&self.vectors);
        known.fold(text.to_owned(), |text, (id, number)| text.replace(id, &number.to_string()))
    }

    /// Returns the objects of the log: what each record changes.
    pub(crate) async fn log(&mut self, storage: &Arc<ManagedStorage>) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for object in storage.list(ObjectPrefix::Log).await? {
            match object.path {
                ObjectPath::Commit(seq) => {
                    let changes = self.record(&storage.get(&object.path).await?)?;
                    lines.push(format!("{seq} commit: {changes}"));
                }
                ObjectPath::Checkpoint(seq) => lines.push(format!("{seq} checkpoint")),
                other => lines.push(other.to_string()),
            }
        }
        Ok(lines)
    }

    fn record(&mut self, bytes: &[u8]) -> Result<String> {
        let newline = bytes.iter().position(|byte| *byte == b'\n').context("a header line")?;
        let record: serde_json::Value = serde_json::from_slice(&bytes[newline + 1..])?;
        let transactions = record["transactions"].as_array().context("transactions")?;
        let mut texts = Vec::new();
        for transaction in transactions {
            let changes: Vec<CatalogChange> =
                serde_json::from_value(transaction["changes"].clone())?;
            let changes: Vec<String> = changes.iter().map(|change| self.change(change)).collect();
            texts.push(changes.join(", "));
        }
        Ok(if texts.is_empty() { "a leader starts".to_owned() } else { texts.join(" | ") })
    }

    fn change(&mut self, change: &CatalogChange) -> String {
        match change {
            CatalogChange::CreateTable(table) => format!("create {}", table.name),
            CatalogChange::AppendRuns { runs, .. } => format!("+ {}", self.runs(runs)),
            CatalogChange::ReplaceRuns { removed, added, .. } => {
                let mut removed: Vec<String> = removed.iter().map(|id| self.run(id)).collect();
                removed.sort_unstable();
                let gone = format!("- {}", removed.join(" "));
                if added.is_empty() { gone } else { format!("{gone} + {}", self.runs(added)) }
            }
            CatalogChange::DeleteRows { runs, .. } => {
                let deletes = runs.iter().map(|deletes| {
                    let (run, rows) = (self.run(deletes.run), deletes.vector.row_count);
                    let vector = self.vector(deletes.vector.id);
                    let replaced: Vec<String> =
                        deletes.replaced.iter().map(|id| self.vector(id)).collect();
                    let replaced = match replaced.is_empty() {
                        true => String::new(),
                        false => format!(" for {}", replaced.join(" ")),
                    };
                    format!("{vector}{replaced}: {rows} rows of {run}")
                });
                deletes.collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        }
    }

    fn runs(&mut self, runs: &[Run]) -> String {
        runs.iter().map(|run| self.run(run.id)).collect::<Vec<_>>().join(" ")
    }

    /// Returns the live runs of a table.
    pub(crate) fn manifest(&mut self, table: &Table) -> Vec<String> {
        let runs = table.manifest.runs.iter().map(|run| {
            let (name, slice, rows) = (self.run(run.id), run.slice, run.row_count);
            let bounds = run.columns.first().map(|column| bounds(&column.min, &column.max));
            let deletes: String = (run.deletes.iter())
                .map(|entry| format!(", {}: {} deleted", self.vector(entry.id), entry.row_count))
                .collect();
            let place = if run.inline.is_some() { ", in the log" } else { "" };
            let bounds = bounds.unwrap_or_default();
            format!("{name}: slice {slice}, {rows} rows, {bounds}{place}{deletes}")
        });
        let mut lines: Vec<String> = runs.collect();
        lines.push(format!("{} rows", table.manifest.row_count()));
        lines
    }

    /// Returns the objects of all tables.
    pub(crate) async fn objects(&mut self, storage: &Arc<ManagedStorage>) -> Result<Vec<String>> {
        // A listing is in the order of random names: the log's is not.
        self.log(storage).await?;
        let mut lines = Vec::new();
        for object in storage.list(ObjectPrefix::Tables).await? {
            lines.push(match object.path {
                ObjectPath::Run(path) => self.run(path.run),
                ObjectPath::DeleteVector(path, id) => {
                    format!("{} of {}", self.vector(id), self.run(path.run))
                }
                other => other.to_string(),
            });
        }
        lines.sort_unstable();
        Ok(lines)
    }
}

fn bounds(min: &Option<StatisticsValue>, max: &Option<StatisticsValue>) -> String {
    match (min, max) {
        (Some(StatisticsValue::Integer(min)), Some(StatisticsValue::Integer(max))) => {
            format!("{min}..{max}")
        }
        _ => "unknown bounds".to_owned(),
    }
}
