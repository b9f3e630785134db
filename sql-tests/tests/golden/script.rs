//! The commands of a golden script.
//!
//! | command                  | does                                                                    |
//! |--------------------------|-------------------------------------------------------------------------|
//! | `start`                  | starts a leader; a second one while the first still lives                |
//! | `stop`                   | the leaders end                                                         |
//! | `create t x y`           | creates a table of BIGINT columns, sorted and distributed by the first   |
//! | `a: begin`               | session `a` starts a transaction, with a snapshot                        |
//! | `a: insert t 1,2 3,4`    | adds rows; outside of a transaction it commits by itself                 |
//! | `a: delete t 1 3`        | deletes rows by their first column                                       |
//! | `a: commit`, `a: rollback` | ends it                                                                |
//! | `a: rows t`              | prints the rows that `a` sees                                            |
//! | `vacuum t sort`          | merges runs; also `reclaim`, `recluster`                                 |
//! | `log`, `manifest t`, `objects` | prints what is stored                                              |
//! | `check`                  | prints what `blueshift check` finds                                      |
//!
//! A session stays with the leader it has met first.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use engine::{
    catalog::{Catalog, CatalogChange, PUBLIC_SCHEMA, Relation, Table},
    ids::TableId,
    transaction::LockMode,
    vacuum::Work,
};
use object_store::memory::InMemory;
use sql_tests::warehouse::{Leader, Writing, new_table, open_storage};

use crate::state::Names;

/// A checkpoint comes after so many records.
const RECORDS_PER_CHECKPOINT: u64 = 6;
/// Who waits longer for a lock is said to wait.
const LOCK_WAIT_MAX: Duration = Duration::from_millis(50);

/// What lasts from one command to the next.
#[derive(Debug, Default)]
pub(crate) struct Script {
    store: Arc<InMemory>,
    leaders: Vec<Leader>,
    sessions: BTreeMap<String, Session>,
    names: Names,
}

#[derive(Debug)]
struct Session {
    leader: Leader,
    writing: Option<Writing>,
}

impl Script {
    /// Runs a command; returns what it prints.
    pub(crate) async fn run(&mut self, command: &str) -> Result<Vec<String>> {
        if let Some((session, command)) = command.split_once(": ") {
            let words: Vec<&str> = command.split_whitespace().collect();
            return match self.run_in_session(session, &words).await {
                Ok(lines) => Ok(prefixed(session, lines)),
                // An error ends the transaction, as it does on the wire.
                Err(error) => {
                    self.sessions.remove(session);
                    Ok(prefixed(session, vec![self.names.in_text(&format!("{error:#}"))]))
                }
            };
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["start"] => return self.start().await,
            ["stop"] => {
                self.sessions.clear();
                self.leaders.clear();
                return Ok(Vec::new());
            }
            ["create", name, ref columns @ ..] => self.create(name, columns).await?,
            ["vacuum", table, work] => return self.vacuum(table, work).await,
            ["log"] => {
                let storage = open_storage(Arc::clone(&self.store) as _);
                return self.names.log(&storage).await;
            }
            ["manifest", table] => {
                let table = table_named(&self.leader()?.log.head(), table)?;
                return Ok(self.names.manifest(&table));
            }
            ["objects"] => {
                let storage = open_storage(Arc::clone(&self.store) as _);
                return self.names.objects(&storage).await;
            }
            ["check"] => {
                let storage = open_storage(Arc::clone(&self.store) as _);
                let report = engine::check::check(&storage).await?;
                let problems = report.problems.iter().map(|line| self.names.in_text(line));
                let counts = format!("{} runs, {} rows", report.run_count, report.row_count);
                return Ok(problems.chain([counts]).collect());
            }
            _ => bail!("not a command"),
        }
        Ok(Vec::new())
    }

    fn leader(&self) -> Result<&Leader> {
        self.leaders.last().context("no leader was started")
    }

    async fn start(&mut self) -> Result<Vec<String>> {
        let leader = Leader::start(Arc::clone(&self.store) as _, RECORDS_PER_CHECKPOINT).await?;
        let version = leader.log.head().version;
        self.leaders.push(leader);
        Ok(vec![format!("leader {} at version {version}", self.leaders.len())])
    }

    async fn create(&mut self, name: &str, columns: &[&str]) -> Result<()> {
        let leader = self.leader()?;
        let mut writing = leader.begin_block();
        let table = new_table(TableId(leader.log.new_oid()), name, columns, true);
        let change = CatalogChange::CreateTable(Arc::new(table));
        writing.transaction.change(vec![change])?;
        leader.commit(writing, |_| {}).await
    }

    async fn vacuum(&mut self, table: &str, work: &str) -> Result<Vec<String>> {
        let work = match work {
            "sort" => Work::Sort { reclaim: true },
            "reclaim" => Work::Reclaim { threshold_percent: 100 },
            "recluster" => Work::Recluster,
            _ => bail!("no such work"),
        };
        let leader = self.leader()?;
        let table = table_named(&leader.log.head(), table)?.id;
        let merged = leader.vacuum(table, work).await?;
        Ok(vec![if merged { "merged" } else { "nothing to merge" }.to_owned()])
    }

    async fn run_in_session(&mut self, name: &str, words: &[&str]) -> Result<Vec<String>> {
        let leader = self.leader()?.clone();
        let session = self.sessions.entry(name.to_owned());
        let session = session.or_insert_with(|| Session { leader, writing: None });
        match *words {
            ["begin"] => session.writing = Some(session.leader.begin_block()),
            ["rollback"] => drop(session.writing.take()),
            ["commit"] => return session.commit().await,
            ["rows", table] => return session.rows(table).await,
            ["insert", table, ref rows @ ..] => {
                let numbers = |row: &&str| row.split(',').map(str::parse).collect();
                let rows = rows.iter().map(numbers).collect::<Result<Vec<Vec<i64>>, _>>()?;
                let Some((is_block, table, mut writing)) = session.write(table).await? else {
                    return Ok(vec!["waits for the lock".to_owned()]);
                };
                session.leader.append(&mut writing, table, rows).await?;
                return session.end(is_block, writing).await;
            }
            ["delete", table, ref keys @ ..] => {
                let keys = keys.iter().map(|key| key.parse()).collect::<Result<Vec<i64>, _>>()?;
                let Some((is_block, table, mut writing)) = session.write(table).await? else {
                    return Ok(vec!["waits for the lock".to_owned()]);
                };
                let is_meant = |row: &sql_tests::warehouse::Row| keys.contains(&row.values[0]);
                let rows = session.leader.delete(&mut writing, table, is_meant).await?;
                let mut lines = session.end(is_block, writing).await?;
                lines.insert(0, format!("{} rows", rows.len()));
                return Ok(lines);
            }
            _ => bail!("not a command"),
        }
        Ok(Vec::new())
    }
}

impl Session {
    /// Returns the transaction that writes to a table, locked; `None` if it would have to wait.
    async fn write(&mut self, table: &str) -> Result<Option<(bool, TableId, Writing)>> {
        let head = self.leader.log.head();
        let mode = LockMode::ShareRowExclusive;
        let Some(mut writing) = self.writing.take() else {
            let table = table_named(&head, table)?.id;
            let begun = tokio::time::timeout(LOCK_WAIT_MAX, self.leader.begin(table, mode)).await;
            let Ok(begun) = begun else { return Ok(None) };
            return Ok(Some((false, table, begun?)));
        };
        let table = table_named(writing.transaction.catalog(), table)?.id;
        let acquired = writing.transaction.locks().acquire(table, mode);
        let acquired = tokio::time::timeout(LOCK_WAIT_MAX, acquired).await;
        match acquired {
            Ok(acquired) => acquired?,
            Err(_) => {
                self.writing = Some(writing);
                return Ok(None);
            }
        }
        Ok(Some((true, table, writing)))
    }

    /// Ends a statement.
    async fn end(&mut self, is_block: bool, writing: Writing) -> Result<Vec<String>> {
        self.writing = Some(writing);
        if is_block { Ok(Vec::new()) } else { self.commit().await }
    }

    async fn commit(&mut self) -> Result<Vec<String>> {
        let writing = self.writing.take().context("there is no transaction in progress")?;
        self.leader.commit(writing, |_| {}).await?;
        Ok(vec![format!("committed as version {}", self.leader.log.head().version)])
    }

    async fn rows(&self, table: &str) -> Result<Vec<String>> {
        let catalog = match &self.writing {
            Some(writing) => Arc::clone(writing.transaction.catalog()),
            None => self.leader.log.head(),
        };
        let rows = self.leader.rows(&table_named(&catalog, table)?).await?;
        let mut rows: Vec<Vec<i64>> = rows.into_iter().map(|row| row.values).collect();
        rows.sort_unstable();
        let text = |row: &Vec<i64>| row.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        Ok(vec![rows.iter().map(text).collect::<Vec<_>>().join(" ")])
    }
}

fn prefixed(session: &str, lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("{session}: {line}")).collect()
}

fn table_named(catalog: &Catalog, name: &str) -> Result<Arc<Table>> {
    match catalog.relation(PUBLIC_SCHEMA, name) {
        Some(Relation::Table(table)) => Ok(table),
        _ => bail!("there is no table {name}"),
    }
}
