//! A leader without a wire: the engine's own code from the rows that a statement reads to the commit of what it
//! wrote, over any object store. What the simulation and the golden scripts are made of.
//!
//! All columns are BIGINT.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, Result, ensure};
use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch},
    datatypes::{Int64Type, UInt32Type, UInt64Type},
};
use engine::{
    catalog::{
        Catalog, CatalogChange, Column, FIRST_DATABASE, PUBLIC_SCHEMA, SUPERUSER, SortKey, Table,
        TableManifest, TableStatistics,
    },
    distribution::DistStyle,
    execution::merged_rows,
    ids::{ColumnId, Pid, RunId, TableId},
    storage::{
        ManagedStorage, PendingObjects, delete_objects, slice_writer::SliceWriter,
        writer::TableWriter,
    },
    transaction::{CommitLog, HeldLocks, LockMode, Transaction},
    types::SqlType,
    vacuum::{Eligible, Rewrite, Rewritten, Work, replacement, rewrites},
    write::{DeletedRows, TableVersions, delete_all, delete_rows},
};
use futures::TryStreamExt;
use object_store::{ObjectStore, path::Path};

/// Rows that stay in the commit record, as small INSERTs do; more are written as objects, however small.
const INLINE_ROWS_MAX: usize = 1;
/// Slices of a new root.
const SLICES: u32 = 2;
const CACHE_BYTES: usize = 1 << 20;
const MEMORY_BYTES: usize = 64 << 20;
const PID: Pid = Pid(7);

/// How a transaction ended, as the one who asked for it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was told that it is durable.
    Acknowledged,
    /// It was told nothing, or of an error after which it may have happened.
    Unknown,
    /// It never asked for the commit, or was told that it did not happen.
    Refused,
}

/// A leader: what lasts until its process dies.
#[derive(Debug, Clone)]
pub struct Leader {
    /// The root.
    pub storage: Arc<ManagedStorage>,
    /// Its commit log.
    pub log: Arc<CommitLog>,
}

/// A row and its address.
#[derive(Debug)]
pub struct Row {
    /// The values of its columns.
    pub values: Vec<i64>,
    run: u32,
    position: u64,
}

/// A transaction that writes: its objects go with it, unless it commits.
#[derive(Debug)]
pub struct Writing {
    /// The transaction.
    pub transaction: Transaction,
    /// What it has written.
    pub pending: PendingObjects,
}

/// Opens the root in a store, with nothing in memory.
pub fn open_storage(store: Arc<dyn ObjectStore>) -> Arc<ManagedStorage> {
    ManagedStorage::with_store(store, Path::from("root"), CACHE_BYTES)
}

impl Leader {
    /// Recovers what is in the store.
    pub async fn start(store: Arc<dyn ObjectStore>, records_per_checkpoint: u64) -> Result<Self> {
        let storage = open_storage(store);
        let opened = Arc::clone(&storage);
        let log =
            CommitLog::open_with(opened, Some(SLICES), SLICES, records_per_checkpoint).await?;
        Ok(Self { storage, log })
    }

    /// Starts a transaction that writes to a table, under its lock: it sees what the others did.
    pub async fn begin(&self, table: TableId, mode: LockMode) -> Result<Writing> {
        let mut locks: HeldLocks = self.log.new_locks(PID);
        locks.acquire(table, mode).await?;
        Ok(self.writing(self.log.begin(locks, FIRST_DATABASE)))
    }

    /// Starts a transaction of several statements: its locks come after its snapshot.
    pub fn begin_block(&self) -> Writing {
        self.writing(self.log.begin_block(self.log.new_locks(PID), FIRST_DATABASE))
    }

    fn writing(&self, transaction: Transaction) -> Writing {
        Writing { transaction, pending: PendingObjects::new(Arc::clone(&self.storage)) }
    }

    /// Adds rows.
    pub async fn append(
        &self,
        writing: &mut Writing,
        table: TableId,
        rows: Vec<Vec<i64>>,
    ) -> Result<()> {
        let known = table_of(writing.transaction.catalog(), table)?;
        let mut layout = known.layout(SLICES);
        if rows.len() > INLINE_ROWS_MAX {
            layout.inline_bytes_max = 0;
        }
        let storage = Arc::clone(&self.storage);
        let mut writer = TableWriter::new(storage, layout, MEMORY_BYTES);
        let rows = writer.router().route(batch_of(&known, &rows)?)?;
        writer.write(rows).await?;
        let runs = writer.finish().await?;
        let change = CatalogChange::AppendRuns { table, runs };
        writing.pending.extend(change.written_objects());
        Ok(writing.transaction.change(vec![change])?)
    }

    /// Deletes the rows that are chosen; returns what they were.
    pub async fn delete(
        &self,
        writing: &mut Writing,
        table: TableId,
        chosen: impl Fn(&Row) -> bool,
    ) -> Result<Vec<Row>> {
        let known = table_of(writing.transaction.catalog(), table)?;
        let mut rows = self.rows(&known).await?;
        let all = rows.len();
        rows.retain(chosen);
        let mut deleted = DeletedRows::none(&known);
        for row in &rows {
            ensure!(deleted.insert(row.run, row.position), "two rows have one address");
        }
        let head = self.log.head();
        let versions = TableVersions {
            table: &known,
            base: writing.transaction.base().table_by_id(table).map(|table| &**table),
            head: head.table_by_id(table).map(|table| &**table),
            xid: writing.transaction.xid(),
            pid: PID,
        };
        let changes = if rows.len() == all {
            delete_all(versions)?
        } else {
            delete_rows(&self.storage, versions, deleted, &mut writing.pending).await?
        };
        writing.transaction.change(changes)?;
        Ok(rows)
    }

    /// Commits, and says how it ends; if nobody is told, nobody knows.
    pub async fn commit(&self, writing: Writing, ended: impl Fn(Outcome)) -> Result<()> {
        let Writing { transaction, pending } = writing;
        let objects = transaction.written_objects();
        // From here on a record may name them.
        pending.keep();
        ended(Outcome::Unknown);
        match self.log.commit(transaction).await {
            Ok(_) => ended(Outcome::Acknowledged),
            Err(error) => {
                if error.is_refusal() {
                    ended(Outcome::Refused);
                    delete_objects(Arc::clone(&self.storage), objects).await;
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Merges runs of a table, as VACUUM does: read without a lock, committed under it. Returns whether there
    /// was anything to merge.
    pub async fn vacuum(&self, table: TableId, work: Work) -> Result<bool> {
        let base = self.log.head();
        let before = table_of(&base, table)?;
        let mut rewritten = Vec::new();
        for rewrite in rewrites(&before, work, &Eligible::of(&before)) {
            rewritten.push(self.rewrite(&before, rewrite).await?);
        }
        if rewritten.is_empty() {
            return Ok(false);
        }
        let mut writing = self.begin(table, LockMode::ShareRowExclusive).await?;
        let now = table_of(writing.transaction.catalog(), table)?;
        let xid = writing.transaction.xid();
        let versions = [&*before, &*now];
        let change =
            replacement(&self.storage, versions, &mut rewritten, xid, &mut writing.pending);
        let Some(change) = change.await? else { return Ok(false) };
        writing.transaction.change(vec![change])?;
        rewritten.into_iter().for_each(|rewritten| rewritten.written.pending.keep());
        self.commit(writing, |_| {}).await?;
        Ok(true)
    }

    async fn rewrite(&self, table: &Arc<Table>, rewrite: Rewrite) -> Result<Rewritten> {
        let rows = merged_rows(table, &self.storage, &rewrite.sequences, Arc::default())?;
        let layout = Arc::new(table.layout(SLICES));
        let mut rows = rows;
        let mut writer = SliceWriter::new(Arc::clone(&self.storage), layout, rewrite.slice);
        while let Some(batch) = rows.try_next().await? {
            writer.write(batch).await?;
        }
        Ok(Rewritten { rewrite, written: writer.finish().await? })
    }

    /// Returns the rows of a table that are not deleted.
    pub async fn rows(&self, table: &Arc<Table>) -> Result<Vec<Row>> {
        let runs = u32::try_from(table.manifest.runs.len())?;
        if runs == 0 {
            return Ok(Vec::new());
        }
        let sequences: Vec<Vec<u32>> = (0..runs).map(|place| vec![place]).collect();
        let batches = merged_rows(table, &self.storage, &sequences, Arc::default())?;
        let batches: Vec<RecordBatch> = batches.try_collect().await?;
        Ok(batches.iter().flat_map(|batch| rows_of(batch, table.columns.len())).collect())
    }
}

fn rows_of(batch: &RecordBatch, width: usize) -> Vec<Row> {
    let positions = batch.column(width).as_primitive::<UInt64Type>();
    let runs = batch.column(width + 1).as_primitive::<UInt32Type>();
    let value = |column: usize, row: usize| {
        batch.column(column).as_primitive::<Int64Type>().values().get(row).copied().unwrap_or(0)
    };
    let row = |row: usize| Row {
        values: (0..width).map(|column| value(column, row)).collect(),
        run: runs.value(row),
        position: positions.value(row),
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Returns a table of a version.
pub fn table_of(catalog: &Catalog, id: TableId) -> Result<Arc<Table>> {
    let table = catalog.table_by_id(id).with_context(|| format!("table {id} is lost"))?;
    let runs: BTreeSet<RunId> = table.manifest.runs.iter().map(|run| run.id).collect();
    ensure!(runs.len() == table.manifest.runs.len(), "table {id} has a run twice");
    Ok(Arc::clone(table))
}

fn batch_of(table: &Table, rows: &[Vec<i64>]) -> Result<RecordBatch> {
    let column = |at: usize| {
        let values = rows.iter().map(|row| row.get(at).copied());
        Arc::new(Int64Array::from_iter(values)) as ArrayRef
    };
    let columns = (0..table.columns.len()).map(column).collect();
    Ok(RecordBatch::try_new(table.arrow_schema(), columns)?)
}

/// Returns an empty table; one that is sorted is so by its first column, which also distributes it.
pub fn new_table(id: TableId, name: &str, columns: &[&str], is_sorted: bool) -> Table {
    let column = |(id, name): (u16, &&str)| Column {
        id: ColumnId(id),
        name: (*name).to_owned(),
        sql_type: SqlType::BigInt,
        nullable: true,
        default: None,
        identity: None,
        encoding: "none".to_owned(),
        stored_as: Vec::new(),
        missing: None,
    };
    let first = ColumnId(1);
    Table {
        id,
        schema: PUBLIC_SCHEMA,
        name: name.to_owned(),
        owner: SUPERUSER,
        columns: (1..).zip(columns).map(column).collect(),
        dropped_column_max: 0,
        has_stray_columns: false,
        encode_auto: true,
        statistics: TableStatistics::default(),
        dist_style: if is_sorted { DistStyle::Key(first) } else { DistStyle::Even },
        sort_key: if is_sorted { SortKey::Compound(vec![first]) } else { SortKey::Auto },
        constraints: Vec::new(),
        created_at_us: 0,
        manifest: Arc::new(TableManifest::default()),
    }
}
