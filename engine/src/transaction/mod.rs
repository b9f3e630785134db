//! Transactions: what one sees, what it intends, and how it becomes visible.
//!
//! ```text
//!  time ───────────────────────────────────────────────────────────────▶
//!  A  begin ── snapshot 41 ── COPY t ─────────── commit ═▶ version 42
//!  B      begin ── snapshot 41 ── select t (41) ────── select t (41) ── commit
//!  C                                                    select t (42)
//! ```
//!
//! Invariants:
//!
//! * A transaction reads one version of the catalogue, taken at its first statement, plus its own
//!   changes. Readers hold no lock and block nobody.
//! * Who writes to a table holds its write lock until the transaction's end: a table has one writer.
//! * Only [`CommitLog::commit`] makes anything visible: one record holds the whole transaction.
//! * A commit is acknowledged after its record is durable, never before.
//! * In a serializable database no transaction commits that closes a cycle of transactions (`serializable.rs`).

mod checkpoint;
mod cluster;
mod commit_log;
mod error;
mod garbage;
mod locks;
mod log_writer;
mod record;
mod record_write;
mod recovery;
mod serializable;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    catalog::{Catalog, CatalogChange, CatalogError, Table, Temporary},
    ids::{CommitSeq, SchemaId, TableId, Xid},
    storage::paths::ObjectPath,
};

pub use commit_log::CommitLog;
pub use error::TransactionError;
pub use locks::{HeldLocks, LockInfo, LockMode};
pub use serializable::ReadTables;

use serializable::Tracked;

/// A transaction in progress.
#[derive(Debug)]
pub struct Transaction {
    /// Its number, and the tables it writes.
    locks: HeldLocks,
    /// The committed version it reads; kept so that nothing it can reach is collected.
    base: Arc<Catalog>,
    /// That version with the transaction's own changes.
    working: Arc<Catalog>,
    changes: Vec<CatalogChange>,
    /// What keeps it apart from others, if its database is serializable.
    tracked: Option<Tracked>,
    /// Counts it among the blocks, while it lasts.
    _block: Option<OpenBlock>,
}

/// A transaction of several statements, counted until it ends.
#[derive(Debug)]
struct OpenBlock {
    count: Arc<AtomicUsize>,
}

impl OpenBlock {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self { count: Arc::clone(count) }
    }
}

impl Drop for OpenBlock {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Transaction {
    /// Starts a transaction that reads `base`.
    pub fn begin(locks: HeldLocks, base: Arc<Catalog>) -> Self {
        let working = Arc::clone(&base);
        Self { locks, working, base, changes: Vec::new(), tracked: None, _block: None }
    }

    /// Shows the transaction more than is committed: its session's temporary tables.
    pub fn seeing(self, add: impl FnOnce(Arc<Catalog>) -> Arc<Catalog>) -> Self {
        let base = add(self.base);
        Self { working: Arc::clone(&base), base, ..self }
    }

    /// Returns its number.
    pub fn xid(&self) -> Xid {
        self.locks.xid()
    }

    /// Returns when it started: microseconds since 1970, UTC.
    pub fn started_us(&self) -> i64 {
        self.locks.started_us()
    }

    /// Returns its locks, for it to take another one.
    pub fn locks(&mut self) -> &mut HeldLocks {
        &mut self.locks
    }

    /// Returns what the transaction sees.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.working
    }

    /// Returns the committed version below, for as long as the transaction's rows are being read.
    pub fn base(&self) -> &Arc<Catalog> {
        &self.base
    }

    /// Returns where the tables are to be noted that it reads, if that matters.
    pub fn read_tables(&self) -> Option<ReadTables> {
        self.tracked.as_ref().map(Tracked::read_tables)
    }

    /// Fails with 1023 if the transaction cannot commit any more, after what others have committed.
    pub fn check_serializable(&self) -> Result<(), TransactionError> {
        match &self.tracked {
            Some(tracked) => tracked.check(self.locks.owner(), &self.changes),
            None => Ok(()),
        }
    }

    /// Fails if the transaction must not commit beside those that are in `head`; else notes that it does, in the record
    /// `at`.
    fn commit_serializable(&self, head: &Catalog, at: CommitSeq) -> Result<(), TransactionError> {
        match &self.tracked {
            Some(tracked) => tracked.commit(self.locks.owner(), &self.changes, at),
            // What it has read is known to nobody.
            None if head.isolation_in(self.base.current_database()) != self.base.isolation() => {
                Err(TransactionError::IsolationLevelChanged)
            }
            None => Ok(()),
        }
    }

    /// Returns whether there is anything to commit.
    pub fn is_read_only(&self) -> bool {
        self.changes.is_empty()
    }

    /// Makes changes that only this transaction sees until it commits; all of them or none.
    pub fn change(&mut self, changes: Vec<CatalogChange>) -> Result<(), CatalogError> {
        let mut working = (*self.working).clone();
        for change in &changes {
            working.apply(change)?;
        }
        self.working = Arc::new(working);
        self.changes.extend(changes);
        Ok(())
    }

    /// Takes the changes of a session's temporary tables out of what is to be committed; returns the tables as they
    /// are after them.
    pub fn take_temporary(&mut self, schema: SchemaId) -> Option<Temporary> {
        let in_schema = |table: &&Arc<Table>| table.schema == schema;
        let known = self.base.tables().filter(in_schema).map(|table| table.id);
        let created = self.changes.iter().filter_map(|change| match change {
            CatalogChange::CreateTable(table) if table.schema == schema => Some(table.id),
            _ => None,
        });
        let tables: Vec<TableId> = known.chain(created).collect();
        self.changes.retain(|change| !change.is_within(schema, &tables));
        self.working.temporary(schema)
    }

    /// Returns the objects this transaction wrote: garbage, if it does not commit.
    pub fn written_objects(&self) -> Vec<ObjectPath> {
        self.changes.iter().flat_map(CatalogChange::written_objects).collect()
    }
}
